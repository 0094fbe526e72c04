"""Scripts as people write them. Each sets `_result` and needs nothing but the data of tests.sandbox.calls."""

from __future__ import annotations

SCRIPTS: dict[str, str] = {
    "agent turns": """
_result = sum(1 for t in data["transcript_json"] if t["role"] == "Main Agent")
_explanation = f"{_result} turns"
""",
    "phone number by regex": r"""
import re
found = re.findall(r"\b\d{3}-\d{3}-\d{4}\b", data["transcript"])
_result = len(found) == 1
_extra = {"numbers": found}
""",
    "e-mail named groups": r"""
m = re.search(r"(?P<user>[\w.]+)@(?P<host>[\w.]+\w)", data["transcript"])
_result = m.group("host")
_explanation = [m.group("user")]
""",
    "re.sub with text": r"""
_result = re.sub(r"\d", "#", data["transcript_json"][1]["content"])
""",
    "re.sub with a function": r"""
_result = re.sub(r"\d+", lambda m: f"<{len(m.group())}>", data["transcript_json"][8]["content"])
""",
    "re.split and flags": r"""
parts = re.split(r"[.!?]\s*", data["transcript_json"][5]["content"])
_result = [p for p in parts if re.match(r"^IS", p, re.IGNORECASE)]
""",
    "compiled patterns": r"""
fillers = re.compile(r"\b(um|uh|one moment|please)\b", re.I)
_result = sum(len(fillers.findall(t["content"])) for t in data["transcript_json"])
""",
    "counter": """
from collections import Counter
c = Counter(t["role"] for t in data["transcript_json"])
_result = c.most_common(1)[0][0]
_extra = dict(c)
""",
    "counter as extra": """
from collections import Counter
_result = 1
_extra = Counter(len(t["content"]) % 5 for t in data["transcript_json"])
""",
    "defaultdict": """
from collections import defaultdict
spoken = defaultdict(float)
for t in data["transcript_json"]:
    spoken[t["role"]] += t["end_time"] - t["start_time"]
_result = round(spoken["Main Agent"] / sum(spoken.values()), 3)
_extra = {k: round(v, 2) for k, v in spoken.items()}
""",
    "deque window": """
from collections import deque
window = deque(maxlen=3)
best = 0.0
for e in data["latency_data"]:
    window.append(e["latency"])
    best = max(best, sum(window) / len(window))
_result = round(best, 2)
""",
    "namedtuple": """
from collections import namedtuple
Gap = namedtuple("Gap", "start length")
turns = [t for t in data["transcript_json"] if t["role"] in ("Main Agent", "Testing Agent")]
gaps = [Gap(a["end_time"], round(b["start_time"] - a["end_time"], 2)) for a, b in zip(turns, turns[1:])]
worst = max(gaps, key=lambda g: g.length)
_result = worst.length
_extra = {"worst": worst}
""",
    "ordered dict": """
from collections import OrderedDict
d = OrderedDict()
for t in data["transcript_json"]:
    d.setdefault(t["role"], t["time"])
_result = list(d.items())
""",
    "json of metadata": """
import json
customer = json.loads(data["metadata"]["customer"])
_result = customer["tier"] == "gold" and customer["since"] < 2020
_explanation = [json.dumps(customer, sort_keys=True)]
""",
    "tool results": """
import json
results = [json.loads(t["content"]) for t in data["transcript_json"] if t["role"] == "Function Call Result"]
_result = all(r.get("status") != "error" for r in results)
_extra = {"results": results}
""",
    "dates": """
from datetime import datetime, timedelta
started = datetime.fromisoformat(data["timestamp"])
ended = started + timedelta(seconds=data["call_duration"])
_result = ended.strftime("%H:%M:%S")
_explanation = started.strftime("%A %d %B %Y")
""",
    "strptime": """
from datetime import datetime
_result = (datetime(2025, 3, 20) - datetime.strptime(data["date"], "%Y-%m-%d")).days
""",
    "datetime without import": """
_result = datetime.datetime(2024, 2, 29).isoformat()
_extra = {"gap": datetime.timedelta(hours=1, minutes=30).total_seconds()}
""",
    "time zones": """
from datetime import datetime
from zoneinfo import ZoneInfo
t = datetime.fromisoformat(data["timestamp"]).astimezone(ZoneInfo("America/New_York"))
_result = t.hour
_explanation = t.isoformat()
""",
    "office hours": """
from datetime import datetime, time, timezone
t = datetime.fromisoformat(data["timestamp"]).astimezone(timezone.utc)
_result = t.weekday() < 5 and time(9) <= t.time() < time(17)
""",
    "calendar": """
import calendar
y, m, d = map(int, data["date"].split("-"))
_result = calendar.day_name[calendar.weekday(y, m, d)]
_extra = {"days": calendar.monthrange(y, m)[1]}
""",
    "statistics": """
import statistics
values = [e["latency"] for e in data["latency_data"]]
_result = statistics.mean(values)
_extra = {"median": statistics.median(values), "sd": round(statistics.stdev(values), 6)}
""",
    "quantiles": """
from statistics import quantiles
_result = quantiles([e["latency"] for e in data["latency_data"]], n=4)
""",
    "math": """
import math
values = [e["latency"] for e in data["latency_data"]]
_result = round(math.sqrt(sum(v * v for v in values) / len(values)), 4)
_extra = {"log": round(math.log10(1000), 6), "ceil": math.ceil(1.2), "inf": math.isinf(float("inf"))}
""",
    "itertools groupby": """
from itertools import groupby
turns = data["transcript_json"]
_result = [(role, len(list(group))) for role, group in groupby(turns, key=lambda t: t["role"])]
""",
    "itertools mix": """
import itertools
a = list(itertools.accumulate([1, 2, 3, 4]))
b = list(itertools.chain([1], [2, 3]))
c = list(itertools.islice(itertools.count(5), 3))
_result = [a, b, c, len(list(itertools.combinations("abcd", 2)))]
""",
    "functools": """
from functools import reduce, lru_cache, partial

@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

add = partial(lambda a, b: a + b, 10)
_result = [reduce(lambda a, b: a * b, [1, 2, 3, 4]), fib(40), add(5)]
""",
    "generator": """
def pairs(turns):
    previous = None
    for turn in turns:
        if previous is not None and previous["role"] == turn["role"]:
            yield previous["time"], turn["time"]
        previous = turn

_result = len(list(pairs(data["transcript_json"])))
""",
    "generator expression": """
_result = max(len(t["content"]) for t in data["transcript_json"])
""",
    "class": """
class Tally:
    def __init__(self):
        self.words = 0
        self.turns = 0

    def add(self, turn):
        self.words += len(turn["content"].split())
        self.turns += 1
        return self

tally = Tally()
for turn in data["transcript_json"]:
    if turn["role"] == "Main Agent":
        tally.add(turn)
_result = round(tally.words / tally.turns, 3)
""",
    "inheritance": """
class Rule:
    weight = 1
    def holds(self, text):
        raise NotImplementedError
    def score(self, text):
        return self.weight if self.holds(text) else 0

class Contains(Rule):
    def __init__(self, word, weight):
        self.word, self.weight = word, weight
    def holds(self, text):
        return self.word in text.lower()

_result = sum(r.score(data["transcript"]) for r in [Contains("sorry", 2), Contains("refund", 3)])
""",
    "property": """
class Turn:
    def __init__(self, row):
        self.row = row
    @property
    def length(self):
        return round(self.row["end_time"] - self.row["start_time"], 2)

_result = max(Turn(t).length for t in data["transcript_json"])
""",
    "dataclass": """
from dataclasses import dataclass

@dataclass
class Finding:
    rule: str
    ok: bool

found = [Finding("greets", "hello" in data["transcript"].lower()), Finding("offers refund", False)]
_result = all(f.ok for f in found)
_explanation = [f.rule for f in found if not f.ok]
""",
    "dataclass with future annotations": """
from __future__ import annotations
from dataclasses import asdict, dataclass, field

@dataclass(frozen=True)
class Report:
    name: str
    parts: list[str] = field(default_factory=list)

_result = 1
_extra = asdict(Report("a", ["b"]))
""",
    "enum": """
from enum import Enum

class Mood(Enum):
    CALM = "calm"
    ANGRY = "angry"

_result = (Mood.ANGRY if "annoying" in data["transcript"] else Mood.CALM).value
""",
    "match statement": """
def weight(turn):
    match turn:
        case {"role": "Main Agent", "content": text} if "sorry" in text:
            return 2
        case {"role": "Main Agent" | "Testing Agent"}:
            return 1
        case _:
            return 0

_result = sum(weight(t) for t in data["transcript_json"])
""",
    "walrus": r"""
_result = (m := re.search(r"delayed by (\w+) days", data["transcript"])) is not None and m[1] == "two"
""",
    "comprehensions": """
roles = ("Main Agent", "Testing Agent")
by_role = {r: [t["time"] for t in data["transcript_json"] if t["role"] == r] for r in roles}
_result = len({t["role"] for t in data["transcript_json"]})
_extra = by_role
""",
    "unicode": """
import unicodedata
name = data["dynamic_variables"]["name"]
plain = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
_result = plain
_explanation = ["谢谢 " + name, "🎉"]
""",
    "non-latin": """
_result = any("\\u4e00" <= ch <= "\\u9fff" for ch in data["transcript"])
""",
    "string module": """
import string
_result = sum(ch in string.punctuation for ch in data["transcript"])
""",
    "string methods": """
t = data["transcript_json"][0]["content"]
_result = [t.title(), t.partition(",")[0], t.rstrip("?").split()[-1], t.startswith("Hello"), t.find("desk")]
""",
    "format strings": """
value = 1234.5678
_result = f"{value:,.2f}|{value:>12.1f}|{42:05d}|{0.256:.1%}|{'x':^5}|{255:#x}"
""",
    "percent and format": """
_result = "%s has %d of %5.2f" % ("a", 3, 2.5) + " {0}-{name}".format(1, name="n")
""",
    "sorting": """
rows = sorted(data["latency_data"], key=lambda e: (-e["latency"], e["start_time"]))
_result = [r["latency"] for r in rows]
""",
    "try except finally": """
log = []
try:
    value = data["metadata"]["missing"]
except KeyError as e:
    log.append(str(e))
    value = None
else:
    log.append("found")
finally:
    log.append("done")
_result = value is None
_explanation = log
""",
    "own exception": """
class Bad(Exception):
    pass

def check(n):
    if n > 1000:
        raise Bad(f"{n} ms")
    return n

_result = 0
for e in data["latency_data"]:
    try:
        check(e["latency"])
    except Bad:
        _result += 1
""",
    "nested functions": """
def outer(k):
    total = 0
    def inner(v):
        nonlocal total
        total += v * k
        return total
    return inner

f = outer(2)
f(1)
_result = f(3)
""",
    "global": """
count = 0
def bump():
    global count
    count += 1

for _ in data["transcript_json"]:
    bump()
_result = count
""",
    "decorator": """
def twice(f):
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs) * 2
    return wrapper

@twice
def words(text, sep=" "):
    return len(text.split(sep))

_result = words("a b c", sep=" ")
""",
    "context manager": """
from contextlib import contextmanager
steps = []

@contextmanager
def step(name):
    steps.append("in " + name)
    yield name.upper()
    steps.append("out " + name)

with step("a") as a:
    steps.append(a)
_result = steps
""",
    "while and break": """
i = 0
while True:
    if data["transcript_json"][i]["role"] == "Function Call":
        break
    i += 1
else:
    i = -1
_result = i
""",
    "del": """
copy_ = dict(data["metadata"])
del copy_["customer"]
_result = sorted(copy_)
""",
    "slices": """
xs = [e["latency"] for e in data["latency_data"]]
_result = [xs[::-1], xs[1:3], xs[-1:], xs[::2]]
""",
    "unpacking": """
first, *middle, last = data["transcript_json"]
merged = {**data["metadata"], "retries": 5}
_result = [first["time"], len(middle), last["time"], merged["retries"]]
""",
    "sets": """
asked = set("where is my order".split())
said = set(data["transcript"].lower().replace("?", "").split())
_result = len(asked & said) / len(asked)
_extra = {"missing": sorted(asked - said)}
""",
    "levenshtein": """
def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]

_result = distance("goodbye now", data["transcript_json"][-1]["content"].lower())
""",
    "difflib": """
from difflib import SequenceMatcher
_result = round(SequenceMatcher(None, "12 Hill Street", "12 Hill St").ratio(), 4)
""",
    "decimal": """
from decimal import Decimal, ROUND_HALF_UP
total = (Decimal("19.90") * 3).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
_result = float(total)
_explanation = str(total)
""",
    "fractions": """
from fractions import Fraction
_result = str(Fraction(3, 4) + Fraction(1, 6))
""",
    "hashing": """
import hashlib, base64
_result = hashlib.sha256(data["call_end_reason"].encode()).hexdigest()[:16]
_extra = {"b64": base64.b64encode(b"abc").decode()}
""",
    "html and urls": """
import html
from urllib.parse import urlparse, parse_qs
u = urlparse(data["voice_recording"] + "?a=1&a=2")
_result = [u.netloc, u.path, parse_qs(u.query), html.escape("<b>")]
""",
    "csv": """
import csv, io
rows = list(csv.DictReader(io.StringIO("a,b\\n1,2\\n3,4\\n")))
_result = sum(int(r["b"]) for r in rows)
""",
    "textwrap": """
import textwrap
_result = textwrap.shorten(data["agent_description"], width=30, placeholder="...")
""",
    "heapq and bisect": """
import heapq, bisect
xs = sorted(e["latency"] for e in data["latency_data"])
_result = [heapq.nlargest(2, xs), bisect.bisect_left(xs, 900)]
""",
    "operator": """
from operator import itemgetter
_result = max(data["latency_data"], key=itemgetter("latency"))["start_time"]
""",
    "typing": """
from typing import Any, Dict, List, Optional

def pick(rows: List[Dict[str, Any]], role: str) -> Optional[str]:
    for row in rows:
        if row["role"] == role:
            return row["content"]
    return None

_result = pick(data["transcript_json"], "System") is None
""",
    "typing nonsense": """
from typing import str
_result: str = str(data["call_duration"])
""",
    "other metrics": """
if data["Voice Change"] is None and data["Politeness"]:
    _result = data["CSAT"] * 0.5 + (50 if data["Sentiment"] == "positive" else 25)
else:
    _result = 0
_explanation = data["explanation"]["Politeness"]
""",
    "talk overlap": """
main = data["recording_data"]["main_speaking"]
other = data["recording_data"]["testing_speaking"]
overlap = 0.0
for a, b in main:
    for c, d in other:
        overlap += max(0.0, min(b, d) - max(a, c))
_result = overlap
_extra = {"talk": round(sum(b - a for a, b in main), 3)}
""",
    "silence": """
marks = sorted(data["recording_data"]["main_speaking"] + data["recording_data"]["testing_speaking"])
longest, end = 0.0, 0.0
for a, b in marks:
    longest = max(longest, a - end)
    end = max(end, b)
_result = round(longest, 2)
""",
    "random with a seed": """
import random
r = random.Random(42)
_result = [r.randint(1, 6) for _ in range(5)]
""",
    "copy and mutate": """
import copy
other = copy.deepcopy(data)
other["metadata"]["retries"] = 9
data["transcript_json"].append({"role": "x"})
_result = [data["metadata"]["retries"], other["metadata"]["retries"], len(other["transcript_json"])]
""",
    "main guard": """
def main():
    return len(data["tags"])

if __name__ == "__main__":
    _result = main()
""",
    "lambda table": """
checks = {
    "greets": lambda t: "Hello" in t,
    "thanks": lambda t: "Thank you" in t,
    "upsells": lambda t: "offer" in t,
}
passed = [name for name, check in checks.items() if check(data["transcript"])]
_result = len(passed) / len(checks)
_explanation = passed
""",
    "early end": """
_result = 1
if data["call_duration"] < 60:
    raise SystemExit
_result = 2
""",
    "prints": """
print("turns", len(data["transcript_json"]), sep="=")
_result = True
""",
    "unset names": """
try:
    unknown_name
    _result = 1
except NameError:
    _result = 0
""",
    "big numbers": """
_result = 2 ** 62
_explanation = str(3 ** 100)
_extra = {"float": 1e300, "negative": -2 ** 63}
""",
    "bytes and ord": """
raw = "José".encode("utf-8")
_result = [len(raw), raw.hex(), [ord(c) for c in "ab"], chr(233), int("ff", 16), bin(5)]
""",
    "zip strict and enumerate": """
_result = [[i, a, b] for i, (a, b) in enumerate(zip("ab", "cd", strict=True), start=1)]
""",
    "any all map filter": """
xs = list(map(int, ["1", "2", "3"]))
_result = [any(x > 2 for x in xs), all(xs), list(filter(lambda x: x % 2, xs)), sum(xs), min(xs), divmod(7, 2)]
""",
    "string enum as a label": """
from enum import StrEnum

class Label(StrEnum):
    GOOD = "good"

_result = Label.GOOD
_extra = {Label.GOOD: [Label.GOOD]}
""",
    "ternary and chained": """
d = data["call_duration"]
_result = "short" if d < 30 else "medium" if 30 <= d < 120 else "long"
""",
}

MONTY_LACKS: dict[str, str] = {
    "re.sub with a function": "callable replacement",
    "namedtuple": "Gap is not JSON serializable",
    "ordered dict": "'OrderedDict'",
    "dates": "'float' object cannot be interpreted",
    "time zones": "'zoneinfo'",
    "calendar": "'calendar'",
    "statistics": "'statistics'",
    "quantiles": "'statistics'",
    "generator": "yield expressions",
    "inheritance": "class inheritance",
    "property": "property",
    "dataclass with future annotations": "'asdict'",
    "enum": "class inheritance",
    "string module": "'string'",
    "own exception": "class inheritance",
    "context manager": "yield expressions",
    "del": "'del' statement",
    "difflib": "'difflib'",
    "fractions": "'fractions'",
    "html and urls": "'html'",
    "csv": "'io'",
    "textwrap": "'textwrap'",
    "heapq and bisect": "'heapq'",
    "operator": "'operator'",
    "string enum as a label": "class inheritance",
}
"""What the restricted interpreter names when it cannot run a script of the table."""
