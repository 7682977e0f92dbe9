"""A system call that the kernel refuses with an error of our choice.

By seccomp(2) in filter mode: what a process asks of it is looked at by a
little program (struct sock_filter, <linux/filter.h>).  Children inherit it.
"""
import ctypes
import errno
import platform

CLONE3 = 435
CALLS = {
    "x86_64": {"fork": 57, "vfork": 58, "clone": 56, "openat": 257},
    "aarch64": {"clone": 220, "openat": 56},
}.get(platform.machine(), {})
CLONE_THREAD = 0x10000  # clone(2)
O_CREAT = 0o100
LOAD, IS, HAS, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, ERROR = 0x7fff0000, 0x00050000
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2  # prctl(2)


class Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16), ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16),
                ("filter", ctypes.POINTER(Instruction))]


def no_process(number):
    """What a child does first, so that it can start no process; it can
    start threads.
    """
    return refusal([
        *when("fork", number), *when("vfork", number),
        # Its flags cannot be seen, so the C library is sent to clone(2).
        (LOAD, 0, 0, 0), (IS, 0, 1, CLONE3),
        (RETURN, 0, 0, ERROR | errno.ENOSYS),
        *when("clone", number, 0, CLONE_THREAD, is_set=False)])


def no_new_file(number):
    """The same, so that it can make no file."""
    return refusal(when("openat", number, 2, O_CREAT, is_set=True))


def when(call, number, argument=0, bits=0, is_set=False):
    """The instructions for one call, if this machine has it."""
    if call not in CALLS:
        return []
    refuse = (RETURN, 0, 0, ERROR | number)
    return [
        (LOAD, 0, 0, 0), (IS, 0, 3, CALLS[call]),
        (LOAD, 0, 0, 16 + 8 * argument),
        (HAS, 0, 1, bits) if is_set else (HAS, 1, 0, bits), refuse]


def refusal(instructions):
    instructions = instructions + [(RETURN, 0, 0, ALLOW)]
    array = (Instruction * len(instructions))(
        *[Instruction(*each) for each in instructions])
    program = Program(len(array), array)
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def refuse():
        for words in [(NO_NEW_PRIVS, 1, 0, 0, 0),
                      (SECCOMP, FILTER, ctypes.byref(program), 0, 0)]:
            if prctl(*words):
                raise OSError(ctypes.get_errno(), "prctl")
    return refuse
