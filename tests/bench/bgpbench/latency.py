"""One change at a time: all contenders up at once, blocks of samples in turn, a relay's time taken off."""

from bgpbench import report
from bgpbench.report import heading
from bgpbench.world import RELAY, Load, World

OURS = "slash32"


def latency(bench):
    """(c) One prefix at rest: announced, and withdrawn; blocks in turn, all speakers up all the time."""
    kinds = bench.options.speakers + [RELAY]
    for family in bench.options.families:
        load = Load(family, 1000, 100, bench.options.seed)
        heading(f"one prefix at rest: IPv{family}, blocks of {bench.options.block}, {bench.options.blocks} of each")
        in_blocks(bench, {kind: World(bench, kind, load, sinks=1) for kind in kinds})


def in_blocks(bench, worlds):
    """Takes the samples and prints them. `worlds`: by contender, the relay with them; each can be entered, connected, and has
    a tester that knows "latency". Returns by step and rival the median of the blocks' (p50 less the relay's) ratios."""
    entered = []
    try:
        for world in worlds.values():
            world.__enter__()  # pylint: disable=unnecessary-dunder-call
            entered.append(world)
            world.connect()
        return _print(list(worlds), _sample(bench, worlds))
    finally:
        for world in reversed(entered):
            world.__exit__(None, None, None)


def _sample(bench, worlds):
    """By step and contender a list of blocks, microseconds."""
    kinds = list(worlds)
    found = {step: {kind: [] for kind in kinds} for step in ("announce", "withdraw")}
    for number in range(bench.options.blocks):
        for k in range(len(kinds)):
            kind = kinds[(number + k) % len(kinds)]
            size = bench.options.block if "frr" not in kind else max(bench.options.block // 10, 2)  # 50 ms and more each
            answer = worlds[kind].tester.order("latency", size, timeout=10)
            for step in found:
                if min(answer[f"{step}_us"]) < 0:
                    raise SystemExit(f"{kind}: one was not {step}d within 10 s")
                found[step][kind].append(answer[f"{step}_us"])
    return found


def _print(kinds, found):
    ratios = {}
    for step, of in found.items():
        everything = {kind: [one for block in blocks for one in block] for kind, blocks in of.items()}
        print(f"-- {step}, microseconds")
        report.table(["p50", "p99", "max"], [(kind, [report.median(all_of), report.percentile(all_of, .99), max(all_of)])
                                             for kind, all_of in everything.items()])
        p50 = {kind: [report.median(block) for block in blocks] for kind, blocks in of.items()}
        for kind in kinds:
            if kind in (OURS, RELAY) or OURS not in kinds:
                continue
            pairs = [(ours - floor, theirs - floor) for ours, theirs, floor in zip(p50[OURS], p50[kind], p50[RELAY])]
            p99 = report.percentile(everything[OURS], .99) / report.percentile(everything[kind], .99)
            print(f"{step}: {OURS} / {kind}: p50 less the relay's {report.spread(pairs)}, p99 {p99:.2f}", flush=True)
            ratios[step, kind] = report.middle(pairs)
    return ratios
