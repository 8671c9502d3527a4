"""What a disk may hold after power fails: a model of files, folders and what a sync promises.

Written data is safe when its file was synced; a name (made, changed, removed) when its folder was. What is not
safe may be there or not. Two kinds of file systems: `journal` keeps changes of names in their order, and
a sync of anything makes all earlier ones safe, as ext4 and XFS do; `any` promises only what POSIX does:
every change of a name is there or not on its own.
Data that is not safe: each sector of 512 bytes is new, old, zero or what was on the disk before; the length is
any that the file had or may have had."""
import dataclasses
import os

SECTOR = 512


@dataclasses.dataclass
class File:
    safe: bytes = b""            # as of the last sync
    now: bytes = b""             # as programs see it
    lengths: set = dataclasses.field(default_factory=lambda: {0})  # since the last sync


@dataclasses.dataclass
class Change:
    """Of a name. file: the one that has it afterwards, None: nobody."""
    folder: str
    name: str
    file: File = None            # or the string "folder"
    gone: str = ""               # name that it had before
    swaps: bool = False          # the two names are exchanged
    safe: bool = False


def move(names, old, new):
    """A folder takes what is in it along."""
    for name in [n for n in names if n == old or n.startswith(f"{old}/")]:
        names[new + name[len(old):]] = names.pop(name)


def make_change(names, change):
    """Applied to {name: file}."""
    if change.swaps:
        move(names, change.name, "\0")
        move(names, change.gone, change.name)
        move(names, "\0", change.gone)
        return
    if change.gone and change.file == "folder":
        move(names, change.gone, change.name)
    names.pop(change.gone, None)
    if change.file is None:
        names.pop(change.name, None)
    else:
        names[change.name] = change.file


class Disk:
    def __init__(self, start):
        """The files of a folder, all of them safe."""
        self.first = {}
        for path in sorted(start.rglob("*")):
            name = str(path.relative_to(start))
            if path.is_dir():
                self.first[name] = "folder"
            else:
                content = path.read_bytes()
                self.first[name] = File(content, content, {len(content)})
        self.names = dict(self.first)
        self.changes = []
        self.published = []      # (name) in the order in which names became safe after a rename

    def change(self, name, file, gone="", swaps=False):
        self.changes.append(Change(os.path.dirname(name), name, file, gone, swaps))
        make_change(self.names, self.changes[-1])

    def apply(self, op, data):
        """One line of the trace."""
        what, path, *more = op
        if what in ("create", "create-empty"):
            file = self.names.get(path)
            if file is None:
                self.change(path, File())
            elif what == "create-empty":
                file.now = b""
                file.lengths.add(0)
        elif what == "write":
            file = self.names.get(path)
            offset, n, at = map(int, more)
            if file is not None:             # else: removed while it was open
                new = file.now.ljust(offset, b"\0")
                file.now = new[:offset] + data[at:at + n] + new[offset + n:]
                file.lengths.add(len(file.now))
        elif what == "truncate":
            file, n = self.names[path], int(more[0])
            file.now = file.now[:n].ljust(n, b"\0")
            file.lengths.add(n)
        elif what == "rename":
            self.change(more[0], self.names[path], path)
        elif what == "exchange":
            self.change(more[0], None, path, swaps=True)
        elif what == "unlink":
            self.change(path, None)
        elif what == "mkdir":
            self.change(path, "folder")
        elif what == "fsync":
            self.sync(path)

    def sync(self, path):
        file = self.names.get(path)
        if isinstance(file, File):
            file.safe = file.now
            file.lengths = {len(file.now)}
            return
        for change in self.changes:
            if change.folder == ("" if path == "." else path) and not change.safe:
                change.safe = True
                if change.gone:
                    self.published.append(change.name)

    def image(self, rng, kind):
        """{name: bytes or None (a folder)} as it may lie on the disk if power fails now."""
        pending = [c for c in self.changes if not c.safe]
        if kind == "journal":
            last = max((i for i, c in enumerate(self.changes) if c.safe), default=-1)
            keep = rng.randint(last + 1, len(self.changes))
            kept = self.changes[:keep]
        else:
            chance = rng.choice((0, 0.2, 0.5, 0.8, 1))
            there = {id(c) for c in pending if rng.random() < chance}
            kept = [c for c in self.changes if c.safe or id(c) in there]
        names = dict(self.first)
        for change in kept:
            make_change(names, change)
        contents = {}
        out = {}
        for name in sorted(names):
            folder = os.path.dirname(name)
            if folder and out.get(folder, b"") is not None:
                continue                     # its folder is not there
            file = names[name]
            if file == "folder":
                out[name] = None
                continue
            if id(file) not in contents:     # one file under two names has one content
                contents[id(file)] = content(file, rng)
            out[name] = contents[id(file)]
        return out


def content(file, rng):
    """What may be found in a file."""
    if file.now == file.safe and len(file.lengths) == 1:
        return file.safe
    length = rng.choice([*file.lengths, len(file.now), len(file.safe)])
    if rng.random() < 0.2:                   # in the middle of a write
        length = rng.randint(min(file.lengths), max(file.lengths))
    how = rng.choice(("new", "old", "mixed", "zeros", "stale", "beginning"))
    cut = rng.randrange(len(file.now) + 1)
    out = bytearray()
    for at in range(0, length, SECTOR):
        old, new = (x[at:at + SECTOR].ljust(SECTOR, b"\0") for x in (file.safe, file.now))
        junk = {"zeros": bytes(SECTOR), "stale": rng.randbytes(SECTOR)}.get(how, old)
        if at < len(file.safe):
            junk = old                       # was written before: a sector is old or new
        is_new = how == "new" or (how in ("mixed", "zeros", "stale") and rng.random() < 0.5) or \
            (how == "beginning" and at < cut)
        out += new if is_new else junk
    return bytes(out[:length])


def read_trace(path):
    """(operations, data written)"""
    ops = [line.split("\t") for line in path.read_text().splitlines()]
    return ops, path.with_name(path.name + ".data").read_bytes()
