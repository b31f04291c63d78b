"""The C++ tester: compiled, started in a network namespace, given orders."""

import concurrent.futures
import glob
import json
import os
import select
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


def build(directory):
    """Compiles the tester, optimised, into a directory; its path."""
    program = os.path.join(directory, "bgp_bench_peers")
    flags = ["-std=c++23", "-O2", f"-I{REPOSITORY}"]

    def compile_one(source):
        out = os.path.join(directory, os.path.basename(source) + ".o")
        subprocess.run(["g++", *flags, "-c", "-o", out, source], check=True)
        return out

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sorted(glob.glob(f"{HERE}/peers/*.cc"))))
    subprocess.run(["g++", "-o", program, *objects], check=True)
    return program


def arguments(part, **options):
    """The tester's command line."""
    return [part, *(f"{key}={value}" for key, value in options.items())]


class Tester:
    """The part "peers", or "mesh", at a host of its own."""

    def __init__(self, name, program, host, part="peers", **options):
        self._name = name
        argv = ["nsenter", f"--net=/proc/{host.holder_pid()}/ns/net", program, *arguments(part, **options)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # pylint: disable=consider-using-with
        self.ready = self.answer(120)  # it makes its routes and messages first

    def ask(self, *words):
        """Sends an order; answer() has what comes of it."""
        self._process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self._process.stdin.flush()

    def has_answer(self):
        """Whether answer() would not wait."""
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def answer(self, timeout):
        """The next answer."""
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise SystemExit(f"{self._name}: the tester said nothing for {timeout} s")
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._name}: the tester ended with {self._process.wait(10)}")
        return json.loads(line)

    def order(self, verb, *words, timeout):
        """An order whose last word is its own time limit; its answer, which must be that it was done."""
        self.ask(verb, *words, timeout)
        answer = self.answer(timeout * 3 + 30)
        if not answer["done"]:
            raise SystemExit(f"{self._name}: {verb} was not done within {timeout} s: {answer}")
        return answer

    def close(self):
        """Ends it."""
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
