#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# python3: requests with sessions and threads, multiprocessing by pool, manager and connections,
# socketserver with processes.
. "$(dirname "$0")/../lib.sh"
python=/usr/bin/python3
$python -c 'import requests' 2>/dev/null || {
	echo "skipped: python3-requests is not installed"
	exit 77
}
cat >"$work/server.py" <<'EOF'
import hashlib, http.server, os, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Process", str(os.getpid()))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(self.path.encode())
    def do_POST(self):
        self.answer(hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"])))
                    .hexdigest().encode())
    def log_message(self, *args):
        pass
class Server(socketserver.ForkingMixIn, http.server.HTTPServer):
    pass
Server(("", 80), Handler).serve_forever()
EOF
start /web $python "$work/server.py"
cat >"$work/client.py" <<'EOF'
import concurrent.futures, hashlib, os, requests
s = requests.Session()
assert [s.get(f"http://web/{i}").text for i in range(50)] == [f"/{i}" for i in range(50)]
data = os.urandom(3000000)
assert s.post("http://web/", data=data).text == hashlib.sha256(data).hexdigest()
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    r = list(pool.map(lambda i: requests.get(f"http://web/t{i}", timeout=20), range(100)))
assert [x.text for x in r] == [f"/t{i}" for i in range(100)]
assert len({x.headers["X-Process"] for x in r}) > 50
try:
    requests.get("http://web:81/", timeout=5)
except requests.exceptions.ConnectionError as e:
    assert "refused" in str(e)
print("answered")
EOF
until_ok on /cli $python -c 'import requests; requests.get("http://web/")'
expect answered "$(on /cli $python "$work/client.py")" "requests: sessions, 3 MB, 8 threads, a process each"

cat >"$work/manager.py" <<'EOF'
from multiprocessing.managers import BaseManager
import queue
todo, done = queue.Queue(), queue.Queue()
class Manager(BaseManager):
    pass
Manager.register("todo", lambda: todo)
Manager.register("done", lambda: done)
Manager(("", 5000), b"key").get_server().serve_forever()
EOF
cat >"$work/worker.py" <<'EOF'
import multiprocessing, sys
from multiprocessing.managers import BaseManager
class Manager(BaseManager):
    pass
Manager.register("todo")
Manager.register("done")
def work(_):
    m = Manager(("manager", 5000), b"key")
    m.connect()
    todo, done = m.todo(), m.done()
    while (n := todo.get()) is not None:
        done.put(n * n)
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    m = Manager(("manager", 5000), b"key")
    m.connect()
    todo, done = m.todo(), m.done()
    p = [multiprocessing.Process(target=work, args=(i,)) for i in range(4)]
    for x in p:
        x.start()
    for i in range(300):
        todo.put(i)
    total = sum(done.get() for i in range(300))
    for x in p:
        todo.put(None)
    for x in p:
        x.join()
    with multiprocessing.Pool(4) as pool:
        assert sum(pool.map(abs, range(-1000, 0))) == 500500
    print(total, [x.exitcode for x in p])
EOF
start /manager $python "$work/manager.py"
until_ok on /cli $python -c 'import socket; socket.create_connection(("manager", 5000))'
for method in fork spawn forkserver; do
	expect "8955050 [0, 0, 0, 0]" "$(on "/w-$method" timeout 60 $python "$work/worker.py" $method)" \
		"multiprocessing, $method: a manager over TCP, four workers, a pool"
done
cat >"$work/connection.py" <<'EOF'
# A socket passed to another process, and used there.
import multiprocessing, os, socket
from multiprocessing import reduction
def child(c):
    s = c.recv()
    s.sendall(b"GET /passed HTTP/1.0\r\n\r\n")
    c.send(s.makefile("rb").read().split(b"\r\n\r\n")[1])
if __name__ == "__main__":
    a, b = multiprocessing.Pipe()
    p = multiprocessing.Process(target=child, args=(b,))
    p.start()
    a.send(socket.create_connection(("web", 80)))
    print(a.recv().decode())
    p.join()
EOF
expect /passed "$(on /cli timeout 60 $python "$work/connection.py")" "a socket sent to another process"
expect_nothing_left
