# SPDX-License-Identifier: BSD-2-Clause
"""For scale.sh: keys that must be valid, and handshakes that must succeed.

    crypto.py keys N                  makes and checks N keys on P-256
    crypto.py serve PORT CERTIFICATE  answers TLS connections, each with a thread
    crypto.py handshakes HOST PORT N
"""
import ctypes
import ctypes.util
import socket
import ssl
import sys
import threading


def make_keys(count):
    lib = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    for name in ("EVP_PKEY_Q_keygen", "EVP_PKEY_CTX_new_from_pkey"):
        getattr(lib, name).restype = ctypes.c_void_p
    bad = 0
    for _ in range(count):
        key = lib.EVP_PKEY_Q_keygen(None, None, b"EC", b"P-256")
        context = ctypes.c_void_p(lib.EVP_PKEY_CTX_new_from_pkey(None, ctypes.c_void_p(key), None))
        bad += not key or lib.EVP_PKEY_check(context) != 1 or \
            lib.EVP_PKEY_pairwise_check(context) != 1
        lib.EVP_PKEY_CTX_free(context)
        lib.EVP_PKEY_free(ctypes.c_void_p(key))
    return bad


def answer(connection, context):
    with context.wrap_socket(connection, server_side=True) as s:
        s.sendall(s.recv(64))


def serve(port, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("", port), backlog=100)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, context), daemon=True).start()


def shake_hands(host, port, count):
    bad = 0
    for i in range(count):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        word = b"%d" % i
        try:
            with socket.create_connection((host, port), timeout=20) as s:
                with context.wrap_socket(s) as t:
                    t.sendall(word)
                    bad += t.recv(64) != word
        except OSError as e:
            print("handshake %d: %s" % (i, e))
            bad += 1
    return bad


if sys.argv[1] == "keys":
    n, failed = int(sys.argv[2]), make_keys(int(sys.argv[2]))
    print("%d keys, %d invalid" % (n, failed))
elif sys.argv[1] == "serve":
    serve(int(sys.argv[2]), sys.argv[3])
else:
    n = int(sys.argv[4])
    failed = shake_hands(sys.argv[2], int(sys.argv[3]), n)
    print("%d handshakes, %d failed" % (n, failed))
sys.exit(failed != 0)
