"""What is printed: per case a table of medians, then the ratios of pairs that ran one after the other."""

import statistics

VOID = 0.3  # a floor above this share of ours: the tester was measured, not the speaker


def median(values):
    """Of a list that is not empty."""
    return statistics.median(values)


def _ratios(pairs):
    return [ours / theirs for ours, theirs in pairs if theirs > 0]


def middle(pairs):
    """The median of paired ratios; None where there is none."""
    ratios = _ratios(pairs)
    return median(ratios) if ratios else None


def spread(pairs):
    """ "0.71 (0.65 to 0.80)": median and extremes of paired ratios."""
    ratios = _ratios(pairs)
    if not ratios:
        return "n/a"
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def heading(text):
    """A case begins."""
    print(f"\n== {text}", flush=True)


def table(columns, rows):
    """`rows`: (name, [values])."""
    print(f"{'':14}" + "".join(f"{column:>14}" for column in columns))
    for name, values in rows:
        print(f"{name:14}" + "".join(f"{'' if value is None else f'{value:.3f}':>14}" for value in values), flush=True)


class Rounds:
    """The figures of one step of a case: a list of answers for each contender, the same number for all."""

    def __init__(self, step, names):
        self.step = step
        self.answers = {name: [] for name in names}

    def add(self, name, answer):
        """One more round of a contender."""
        self.answers[name].append(answer)

    def row(self, name):
        """Medians: seconds, CPU seconds, peak MB, the tester's CPU seconds."""
        return [median([answer.get(key, 0) for answer in self.answers[name]])
                for key in ("seconds", "daemon_cpu", "peak", "cpu")]

    def print(self, ours, floor=None):
        """The table, the ratios, and whether the floor lets them count."""
        print(f"-- {self.step}")
        table(["s", "CPU s", "peak MB", "tester CPU s"], [(name, self.row(name)) for name in self.answers])
        self.print_ratios(ours, floor)

    def print_ratios(self, ours, floor=None):
        """Only those."""
        for name in self.answers:
            if name in (ours, floor) or ours not in self.answers:
                continue
            pairs = list(zip(self.answers[ours], self.answers[name]))
            ratios = [f"{label} {spread([(a.get(key, 0), b.get(key, 0)) for a, b in pairs])}"
                      for label, key in (("CPU", "daemon_cpu"), ("time", "seconds"), ("memory", "peak"))]
            print(f"{self.step}: {ours} / {name}: {', '.join(ratios)}")
        if floor and ours in self.answers:
            share = median([b["seconds"] / a["seconds"] for a, b in zip(self.answers[ours], self.answers[floor])])
            print(f"{self.step}: {floor} / {ours}: time {share:.2f}{' -- VOID: the tester is too slow' if share > VOID else ''}",
                  flush=True)


def percentile(values, share):
    """Of an unsorted list."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
