"""What hostile scripts try.

Each script sets `_result` to something true when it has reached its aim. `{secret_file}`, `{canary}`, `{port}`,
`{unix_path}`, `{host}`, `{variable}` and call numbers are filled in. `real` says that the same text reaches its aim in an
unconfined Python, which a test proves: an attack that could not succeed anywhere shows nothing.
"""

# ruff: noqa: E501 - one attack, one line

from __future__ import annotations

from dataclasses import dataclass

# `import os` is refused, but the interpreter's own table is a dict like any other.
MODULES = """
import sys
m = sys.modules
os = m["os"]
"""

C_LIBRARY = (
    MODULES
    + """
ct = m["ctypes"]
libc = ct.CDLL(None, use_errno=True)
def answered(result):
    return result >= 0 or ct.get_errno() not in (1, 13)
"""
)


@dataclass(frozen=True)
class Attack:
    name: str
    script: str
    real: bool = False


FILES = [
    Attack("open", "_result = open('{secret_file}').read()", real=True),
    Attack("io.open", "import io\n_result = io.open('{secret_file}').read()", real=True),
    Attack("FileIO", "import io\n_result = io.FileIO('{secret_file}').read().decode()", real=True),
    Attack("codecs.open", "import codecs\n_result = codecs.open('{secret_file}').read()", real=True),
    Attack("os.open", MODULES + "_result = os.read(os.open('{secret_file}', 0), 99).decode()", real=True),
    Attack("os.stat", MODULES + "_result = os.stat('{secret_file}').st_size", real=True),
    Attack("os.listdir", MODULES + "_result = os.listdir('/')", real=True),
    Attack("os.scandir", MODULES + "_result = [e.name for e in os.scandir('/')]", real=True),
    Attack("os.readlink", MODULES + "_result = os.readlink('/proc/self/exe')", real=True),
    Attack("os.getcwd", MODULES + "_result = os.getcwd()", real=True),
    Attack("os.access", MODULES + "_result = os.access('{secret_file}', 4)", real=True),
    Attack("os.path.exists", MODULES + "_result = os.path.exists('{secret_file}')", real=True),
    Attack("write a file", "open('{canary}', 'w').write('x')\n_result = 'written'", real=True),
    Attack("make a folder", MODULES + "os.mkdir('{canary}')\n_result = 'made'", real=True),
    Attack("symlink", MODULES + "os.symlink('{secret_file}', '{canary}')\n_result = 'linked'", real=True),
    Attack("hard link", MODULES + "os.link('{secret_file}', '{canary}')\n_result = 'linked'", real=True),
    Attack("mkfifo", MODULES + "os.mkfifo('{canary}')\n_result = 'made'", real=True),
    Attack("rename", MODULES + "os.rename('{secret_file}', '{canary}')\n_result = 'moved'", real=True),
    Attack("unlink", MODULES + "os.unlink('{secret_file}')\n_result = 'gone'", real=True),
    Attack("chmod", MODULES + "os.chmod('{secret_file}', 0o600)\n_result = 'done'", real=True),
    Attack("truncate", MODULES + "os.truncate('{secret_file}', 0)\n_result = 'emptied'", real=True),
    Attack("chdir", MODULES + "os.chdir('/')\n_result = 'moved'", real=True),
    Attack("own maps", "_result = open('/proc/self/maps').read()", real=True),
    Attack(
        "logging to a file", "import logging\nlogging.FileHandler('{canary}')\n_result = 'made'", real=True
    ),
    Attack("linecache", MODULES + "_result = m['linecache'].getline('{secret_file}', 1)", real=True),
    Attack(
        "the loader of modules",
        MODULES
        + "_result = type(m['os'].__spec__.loader).get_data(m['os'].__spec__.loader, '{secret_file}').decode()",
    ),
    Attack(
        "source loader",
        MODULES
        + "_result = m['importlib.machinery'].SourceFileLoader('a', '{secret_file}').get_data('{secret_file}').decode()",
        real=True,
    ),
    Attack(
        "a time zone outside",
        "import zoneinfo\nzoneinfo.reset_tzpath(to=['/tmp'])\n_result = str(zoneinfo.ZoneInfo('../etc/passwd'))",
    ),
    Attack("csv of a file", "import csv\n_result = list(csv.reader(open('{secret_file}')))", real=True),
    Attack("C open", C_LIBRARY + "_result = libc.open(b'{secret_file}', 0) >= 0", real=True),
    Attack("C stat", C_LIBRARY + "_result = libc.access(b'{secret_file}', 0) == 0", real=True),
    Attack("memory file", C_LIBRARY + "_result = libc.memfd_create(b'x', 0) >= 0", real=True),
    Attack(
        "C openat by number",
        C_LIBRARY + "_result = libc.syscall({openat}, -100, b'{secret_file}', 0) >= 0",
        real=True,
    ),
]

NETWORK = [
    Attack(
        "connect",
        MODULES + "_result = bool(m['socket'].create_connection(('127.0.0.1', {port}), 1))",
        real=True,
    ),
    Attack(
        "udp",
        MODULES + "s = m['socket'].socket(2, 2)\n_result = s.sendto(b'x', ('127.0.0.1', {port}))",
        real=True,
    ),
    Attack(
        "unix",
        MODULES + "s = m['socket'].socket(1, 1)\ns.connect('{unix_path}')\n_result = 'connected'",
        real=True,
    ),
    Attack(
        "listen",
        MODULES + "s = m['socket'].socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n_result = 1",
        real=True,
    ),
    Attack("socket pair", MODULES + "_result = bool(m['socket'].socketpair())", real=True),
    Attack("pipe", MODULES + "_result = os.pipe()", real=True),
    Attack("C socket", C_LIBRARY + "_result = libc.socket(2, 1, 0) >= 0", real=True),
    Attack("netlink", C_LIBRARY + "_result = libc.socket(16, 3, 0) >= 0", real=True),
    Attack(
        "urllib", "import urllib.request\n_result = urllib.request.urlopen('http://127.0.0.1:{port}').read()"
    ),
    Attack(
        "from urllib",
        "from urllib import request\n_result = request.urlopen('http://127.0.0.1:{port}').read()",
    ),
    Attack("requests", "import requests\n_result = requests.get('http://127.0.0.1:{port}').text"),
    Attack("host name", MODULES + "_result = os.uname().nodename", real=True),
]

ENVIRONMENT = [
    Attack("os.environ", MODULES + "_result = os.environ.get('{variable}')", real=True),
    Attack(
        "all of os.environ",
        MODULES + "_result = [v for k, v in os.environ.items() if k not in ('TZ', 'LC_CTYPE')]",
        real=True,
    ),
    Attack(
        "posix.environ", MODULES + "_result = m['posix'].environ.get(b'{variable}', b'').decode()", real=True
    ),
    Attack(
        "C getenv",
        C_LIBRARY
        + "libc.getenv.restype = ct.c_char_p\n_result = (libc.getenv(b'{variable}') or b'').decode()",
        real=True,
    ),
    Attack("/proc/self/environ", "_result = open('/proc/self/environ').read()", real=True),
    Attack("/proc of the server", "_result = open('/proc/{host}/environ').read()", real=True),
    Attack("own arguments", MODULES + "_result = [a for a in sys.argv + sys.orig_argv if '{variable}' in a]"),
    Attack(
        "everything in memory",
        MODULES
        + "gc = m['gc']\n_result = [s for o in gc.get_objects() if isinstance(o, dict) for s in o.values() "
        "if isinstance(s, str) and s == 'a-secret-of' + '-the-server-5f1c']",
    ),
]

PROCESSES = [
    Attack("fork", MODULES + "pid = os.fork()\nif pid == 0:\n    os._exit(0)\n_result = pid", real=True),
    Attack("system", MODULES + "_result = os.system('exit 0') == 0", real=True),
    Attack("popen", MODULES + "_result = os.popen('echo reached').read()", real=True),
    Attack("import subprocess", "import subprocess\n_result = subprocess.check_output('id')"),
    Attack("posix_spawn", MODULES + "_result = os.posix_spawn('/bin/true', ['true'], {})", real=True),
    Attack("exec", MODULES + "os.execv('/bin/true', ['true'])\n_result = 1"),
    Attack(
        "thread",
        MODULES + "x = []\nm['_thread'].start_new_thread(x.append, (1,))\n_result = 'started'",
        real=True,
    ),
    Attack("C fork", C_LIBRARY + "r = libc.fork()\nif r == 0:\n    os._exit(0)\n_result = r > 0", real=True),
    Attack("C vfork by number", C_LIBRARY + "_result = libc.syscall({clone}, 0x11, 0, 0, 0, 0) > 0"),
    Attack("signal the server", MODULES + "_result = os.kill({host}, 0) is None", real=True),
    Attack("signal the parent", MODULES + "_result = os.kill(os.getppid(), 0) is None", real=True),
    Attack("signal everyone", MODULES + "_result = os.kill(-1, 0) is None", real=True),
    Attack("signal the group", MODULES + "_result = os.killpg(0, 0) is None", real=True),
    Attack("signal init", MODULES + "_result = os.kill(1, 0) is None"),
    Attack("kill the parent", MODULES + "os.kill(os.getppid(), 9)\n_result = 'killed'"),
    Attack("pidfd", MODULES + "_result = os.pidfd_open({host}) >= 0", real=True),
    Attack("stop itself", MODULES + "os.kill(os.getpid(), 19)\n_result = 'stopped'"),
    Attack("nice", MODULES + "_result = os.nice(1) > 0", real=True),
    Attack("affinity", MODULES + "_result = list(os.sched_getaffinity(0))", real=True),
    Attack("setuid", MODULES + "os.setuid(os.getuid())\n_result = 'set'", real=True),
]

KERNEL = [
    Attack("ptrace", C_LIBRARY + "_result = answered(libc.ptrace(16, {host}, 0, 0))"),
    Attack(
        "read the server's memory",
        C_LIBRARY + "_result = answered(libc.process_vm_readv({host}, 0, 0, 0, 0, 0))",
        real=True,
    ),
    Attack("mount", C_LIBRARY + "_result = answered(libc.mount(0, b'/nowhere', 0, 0, 0))", real=True),
    Attack("unshare", C_LIBRARY + "_result = answered(libc.unshare(0))", real=True),
    Attack("setns", C_LIBRARY + "_result = answered(libc.setns(-1, 0))", real=True),
    Attack("chroot", C_LIBRARY + "_result = answered(libc.chroot(b'/nowhere'))", real=True),
    Attack("bpf", C_LIBRARY + "_result = answered(libc.syscall({bpf}, -1, 0, 0))", real=True),
    Attack(
        "perf", C_LIBRARY + "_result = answered(libc.syscall({perf_event_open}, 0, 0, -1, -1, 0))", real=True
    ),
    Attack("io_uring", C_LIBRARY + "_result = answered(libc.syscall({io_uring_setup}, 0, 0))", real=True),
    Attack("userfaultfd", C_LIBRARY + "_result = libc.syscall({userfaultfd}, 0) >= 0"),
    Attack("keyring", C_LIBRARY + "_result = answered(libc.syscall({keyctl}, 0, -3, 0))", real=True),
    Attack("another filter", C_LIBRARY + "_result = answered(libc.syscall({seccomp}, 2, 0, 0))", real=True),
    Attack("regain dumps", C_LIBRARY + "_result = libc.prctl(4, 1, 0, 0, 0) == 0", real=True),
    Attack("lift limits", C_LIBRARY + "_result = libc.prlimit(0, 4, 0, 0) == 0", real=True),
    Attack("personality", C_LIBRARY + "_result = libc.personality(0xffffffff) >= 0", real=True),
    Attack(
        "executable memory",
        C_LIBRARY + "libc.mmap.restype = ct.c_long\n_result = libc.mmap(0, 4096, 7, 0x22, -1, 0) > 0",
        real=True,
    ),
    Attack(
        "make memory executable",
        C_LIBRARY + "libc.mmap.restype = ct.c_long\np = libc.mmap(0, 4096, 3, 0x22, -1, 0)\n"
        "_result = p > 0 and libc.mprotect(ct.c_void_p(p), 4096, 5) == 0",
        real=True,
    ),
    Attack("shared memory", C_LIBRARY + "_result = libc.shmget(0, 4096, 0o1600) >= 0", real=True),
    Attack("system log", C_LIBRARY + "_result = libc.klogctl(10, 0, 0) >= 0"),
    Attack(
        "clock",
        C_LIBRARY + "_result = answered(libc.clock_settime(-1, ct.create_string_buffer(16)))",
        real=True,
    ),
    Attack("x32 numbers", C_LIBRARY + "_result = libc.syscall(0x40000000 + 39) > 0"),
]

OBJECT_GRAPH = [
    Attack(
        "subclasses to popen",
        "c = [k for k in ().__class__.__base__.__subclasses__() if k.__name__ == '_wrap_close'][0]\n"
        "_result = c.__init__.__globals__['system']('exit 0') == 0",
        real=True,
    ),
    Attack(
        "builtins of a function",
        "f = json.dumps.__globals__['__builtins__']\n_result = f['open']('{secret_file}').read()",
        real=True,
    ),
    Attack(
        "frames above",
        "import sys\nf = sys._getframe()\nwhile f.f_back:\n    f = f.f_back\n"
        "_result = f.f_globals['__builtins__'].open('{secret_file}').read()",
        real=True,
    ),
    Attack(
        "through a traceback",
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n"
        "    _result = e.__traceback__.tb_frame.f_builtins['open']('{secret_file}').read()",
        real=True,
    ),
    Attack("real __import__", "import builtins\n_result = builtins.__import__('os').listdir('/')", real=True),
    Attack("importlib", MODULES + "_result = m['importlib'].import_module('socket').socket().fileno()"),
    Attack(
        "put the finders back",
        MODULES
        + "b = m['_frozen_importlib_external']\nsys.meta_path.append(b.PathFinder)\nsys.path.append('/usr/lib/python3')\n"
        "sys.path_hooks.append(b.FileFinder.path_hook((b.SourceFileLoader, ['.py'])))\n"
        "_result = bool(m['builtins'].__import__('antigravity'))",
    ),
    Attack(
        "format string", "_result = '{0.__class__.__init__.__globals__[secret]}'.format(json.JSONEncoder())"
    ),
    Attack("eval", "_result = eval(\"__import__('os').listdir('/')\")"),
    Attack(
        "forged code object",
        "def f(): pass\nf.__code__ = f.__code__.replace(co_code=b'\\x64\\xff' * 500)\nf()\n_result = 1",
    ),
    Attack("write to address 0", C_LIBRARY + "ct.memset(0, 1, 1)\n_result = 1"),
    Attack("jump to address 1", C_LIBRARY + "ct.CFUNCTYPE(None)(1)()\n_result = 1"),
    Attack(
        "pickle",
        "import pickle\nclass E:\n    def __reduce__(self):\n        import os\n        return (os.system, ('exit 0',))\n"
        "_result = pickle.loads(pickle.dumps(E())) == 0",
    ),
    Attack(
        "copy runs __reduce__",
        MODULES
        + "import copy\nclass E:\n    def __reduce__(self):\n        return (os.system, ('exit 0',))\n"
        "_result = copy.copy(E()) == 0",
        real=True,
    ),
]

# Reach nothing by themselves: they try to run on, to eat memory, to flood, or to break the channel.
ENDLESS = [
    Attack("while", "while True:\n    pass"),
    Attack(
        "while, catching all",
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
    ),
    Attack("finally", "try:\n    raise ValueError\nfinally:\n    while True:\n        pass"),
    Attack("count", "import itertools\nfor _ in itertools.count():\n    pass"),
    Attack("sum", "_result = sum(range(10 ** 12))"),
    Attack(
        "regex backtracking", "_result = re.match(r'(a+)+$', 'a' * 60 + 'b') is None and 0\nwhile True: pass"
    ),
    Attack(
        "regex with references",
        "_result = re.match(r'(a*)*(b\\1)*c', 'a' * 40) is None and 0\nwhile True: pass",
    ),
    Attack("power", "x = 7\nwhile True:\n    x = x * x % (10 ** 5000)"),
    Attack("nested loops", "for a in range(10 ** 6):\n    for b in range(10 ** 6):\n        pass"),
    Attack(
        "a __str__ that does not end",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    ),
    Attack(
        "a __del__ that does not end",
        "class D:\n    def __del__(self):\n        while True: pass\nd = D()\nd = None\nwhile True: pass",
    ),
    Attack(
        "a key that does not end",
        "class K:\n    def __lt__(self, other):\n        while True: pass\nsorted([K(), K()])",
    ),
    Attack(
        "ignore the timer",
        MODULES
        + "s = m['signal']\ntry:\n    s.signal(s.SIGPROF, s.SIG_IGN)\nexcept Exception:\n    pass\nwhile True: pass",
    ),
    Attack(
        "stop the timer",
        MODULES
        + "s = m['signal']\ntry:\n    s.setitimer(s.ITIMER_PROF, 0)\nexcept Exception:\n    pass\nwhile True: pass",
    ),
    Attack(
        "block the signal",
        MODULES
        + "s = m['signal']\ntry:\n    s.pthread_sigmask(s.SIG_BLOCK, range(1, 65))\nexcept Exception:\n    pass\nwhile True: pass",
    ),
    Attack(
        "raise the limit",
        MODULES
        + "r = m['resource']\ntry:\n    r.setrlimit(r.RLIMIT_CPU, (-1, -1))\nexcept Exception:\n    pass\nwhile True: pass",
    ),
    Attack("C sigaction", C_LIBRARY + "libc.signal(27, 1)\nlibc.sigblock(-1)\nwhile True: pass"),
]

WAITING = [
    Attack("sleep", "import time\ntime.sleep(3600)"),
    Attack("read without a sender", MODULES + "os.read(3, 1)"),
    Attack("half a frame", MODULES + "os.write(3, b'\\0\\0\\0\\x10{')\nm['time'].sleep(3600)"),
    Attack("half a header", MODULES + "os.write(3, b'\\0')\nm['time'].sleep(3600)"),
    Attack("a lock", MODULES + "l = m['_thread'].allocate_lock()\nl.acquire()\nl.acquire()"),
    Attack("a queue", "import queue\nqueue.Queue().get()"),
]

MEMORY = [
    Attack("one text", "_result = len('x' * 10 ** 10)"),
    Attack("one bytearray", "_result = len(bytearray(10 ** 10))"),
    Attack("a list", "_result = len([0] * 10 ** 9)"),
    Attack("append", "x = []\nwhile True:\n    x.append('a' * 100_000 + str(len(x)))"),
    Attack("double", "x = 'a'\nwhile True:\n    x += x"),
    Attack("dict", "x = {}\nwhile True:\n    x[len(x)] = 'a' * 10_000 + str(len(x))"),
    Attack("number", "x = 1 << (10 ** 10)"),
    Attack(
        "catching all",
        "x = []\nwhile True:\n    try:\n        x.append(bytearray(10 ** 6))\n    except MemoryError:\n        raise",
    ),
    Attack("join", "_result = len(','.join(['a' * 10 ** 6] * 10 ** 4))"),
    Attack(
        "C mmap",
        C_LIBRARY + "libc.mmap.restype = ct.c_long\n_result = libc.mmap(0, 1 << 33, 3, 0x22, -1, 0) > 0",
    ),
]

CRASHING = [
    Attack("recursion", "def f():\n    return f()\nf()"),
    Attack(
        "recursion without a limit",
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f():\n    return [f() for _ in '1']\nf()",
    ),
    Attack("nested parentheses", "_result = eval('(' * 5000 + ')' * 5000)"),
    Attack("nested JSON", "_result = json.loads('[' * 200_000)"),
    Attack(
        "nested repr",
        "x = []\nfor _ in range(200_000):\n    x = [x]\nrepr(x)\nraise ValueError('no harm done')",
    ),
    Attack("nested result", "x = []\nfor _ in range(200_000):\n    x = [x]\n_result = x"),
    Attack("abort", C_LIBRARY + "libc.abort()"),
    Attack("exit", MODULES + "os._exit(0)"),
    Attack("C exit", C_LIBRARY + "libc.exit(0)"),
    Attack("close the channel", MODULES + "os.close(3)\n_result = 'closed'"),
    Attack("close everything", MODULES + "os.closerange(0, 99)\nm['time'].sleep(3600)"),
]

FRAMES = [
    Attack("garbage", MODULES + "os.write(3, b'hello hello hello')"),
    Attack("a length of 4 GiB", MODULES + "os.write(3, b'\\xff\\xff\\xff\\xff')"),
    Attack("a length just above", MODULES + "os.write(3, (2 << 20).to_bytes(4, 'big'))"),
    Attack("an empty frame", MODULES + "os.write(3, b'\\0\\0\\0\\0')"),
    Attack("not an object", MODULES + "os.write(3, b'\\0\\0\\0\\x02[]')"),
    Attack("not UTF-8", MODULES + "os.write(3, b'\\0\\0\\0\\x02\\xff\\xfe')"),
]

FORGED = {
    "an unknown kind": '{"kind": "grant", "result": 1}',
    "no kind": "{}",
    "NaN": '{"kind": "result", "result": NaN, "explanation": [], "extra": null}',
    "infinity": '{"kind": "result", "result": 1e999, "explanation": [], "extra": null}',
    "a huge number": '{"kind": "result", "result": 1' + "0" * 400 + ', "explanation": []}',
    "a number beyond 64 bits": '{"kind": "result", "result": 9223372036854775808, "explanation": []}',
    "an explanation that is no list": '{"kind": "result", "result": 1, "explanation": "text"}',
    "an explanation of numbers": '{"kind": "result", "result": 1, "explanation": [1]}',
    "an explanation that is missing": '{"kind": "result", "result": 1}',
    "printed that is no text": '{"kind": "result", "result": 1, "explanation": [], "printed": 7}',
    "an error that only the host may give": '{"kind": "error", "code": "sandbox_lost", "message": "retry me"}',
    "an unknown error": '{"kind": "error", "code": "mine", "message": "x"}',
    "an error with a long message": '{"kind": "error", "code": "script_error", "message": "'
    + "x" * 9_000
    + '"}',
    "a line that is a text": '{"kind": "error", "code": "script_error", "message": "x", "line": "1"}',
    "a line that is true": '{"kind": "error", "code": "script_error", "message": "x", "line": true}',
    "nested without end": '{"kind": "result", "result": '
    + "[" * 5_000
    + "]" * 5_000
    + ', "explanation": []}',
    "nested a little too deep": '{"kind": "result", "result": '
    + "[" * 80
    + "]" * 80
    + ', "explanation": []}',
    "a code that is a list": '{"kind": "error", "code": ["script_error"], "message": "x"}',
    "a kind that is a dict": '{"kind": {"kind": "judge"}}',
}

REACHING = [*FILES, *NETWORK, *ENVIRONMENT, *PROCESSES, *KERNEL, *OBJECT_GRAPH]
