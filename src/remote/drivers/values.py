# Runs a command with variables: FILE COMMAND... A line of the file sets one: export NAME=VALUE, the value in single quotes
# as a shell reads it. No shell is asked to: some names are its own, and there it changes or refuses their values. Single
# quotes have no place in this text.
import errno, os, signal, sys

with open(sys.argv[1], "rb") as file:
    text = file.read()
quote = b"\x27"
env = dict(os.environb)
# What the shell before this has added.
for name in (b"OLDPWD", b"SHLVL", b"_"):
    env.pop(name, None)
at = 0
while at < len(text):
    equals = text.find(b"=" + quote, at)
    if equals < 0 or not text.startswith(b"export ", at):
        sys.exit(sys.argv[1] + ": this is not what cgo has written")
    name, at, value = text[at + 7:equals], equals + 2, b""
    while True:
        end = text.index(quote, at)
        value += text[at:end]
        if not text.startswith(quote + b"\\" + quote + quote, end):
            break
        value += quote
        at = end + 4
    env[name] = value
    at = end + 2

# Python ignores these, and what it runs would, too.
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
command = [os.fsencode(word) for word in sys.argv[2:]]
program = command[0]
folders = [b""] if b"/" in program else env.get(b"PATH", b"/usr/bin:/bin").split(b":")
said, code = "not found", 127
for folder in folders:
    path = os.path.join(folder, program)
    try:
        os.execve(path, command, env)
    except (FileNotFoundError, NotADirectoryError):
        continue
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            # A script that does not say by what it is to be read: a shell does.
            os.execve("/bin/sh", [b"sh", path] + command[1:], env)
        said, code = error.strerror, 126
sys.stderr.write(os.fsdecode(program) + ": " + said + "\n")
sys.exit(code)
