"""Connections from a test that stays where it is to a server that only another network reaches."""

import ctypes
import os
import socket
import threading

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def connect(netns, address, timeout):
    """A TCP connection made in the network namespace with this path; the socket stays in it for good.

    A thread enters, connects and ends: no other thread ever sees the namespace.
    """
    found = []

    def dial():
        try:
            with open(netns, "rb") as file:
                if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, f"setns {netns}: {os.strerror(number)}")
            found.append(socket.create_connection(address, timeout))
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=dial)
    thread.start()
    thread.join()
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]
