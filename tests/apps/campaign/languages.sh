#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Usage: languages.sh node|perl|ruby|php|java|go|go-static|go-pie: a server and a client in each
. "$(dirname "$0")/../lib.sh"
language=$1

case $language in
node)
	need node ab
	cat >"$work/s.js" <<'JS'
require("http").createServer((q, r) => r.end("hello from node\n")).listen(80)
JS
	start /l node "$work/s.js"
	client() {
		on /cli node -e 'fetch("http://l/").then(r => r.text()).then(t => process.stdout.write(t))'
	}
	;;
perl)
	need perl
	cat >"$work/s.pl" <<'PERL'
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 20, ReuseAddr => 1) or die $!;
$SIG{CHLD} = "IGNORE";
while (my $c = $s->accept) {
	next if fork;
	while (<$c>) { last if /^\r?$/ }
	print $c "HTTP/1.0 200 OK\r\nContent-Length: 16\r\n\r\nhello from perl\n";
	exit;
}
PERL
	start /l perl "$work/s.pl"
	client() {
		on /cli perl -MIO::Socket::INET -e '
$s = IO::Socket::INET->new("l:80") or exit 1; print $s "GET / HTTP/1.0\r\n\r\n";
while (<$s>) { last if /^\r?$/ } print <$s>'
	}
	;;
ruby)
	need ruby
	cat >"$work/s.rb" <<'RUBY'
require "socket"
s = TCPServer.new(80)
loop do
  Thread.new(s.accept) do |c|
    while (l = c.gets) && l.chomp != ""; end
    c.write "HTTP/1.0 200 OK\r\nContent-Length: 16\r\n\r\nhello from ruby\n"
    c.close
  end
end
RUBY
	start /l ruby "$work/s.rb"
	client() {
		on /cli ruby -rnet/http -e 'print Net::HTTP.get(URI("http://l/"))'
	}
	;;
php)
	need php
	echo '<?php echo "hello from php\n";' >"$work/index.php"
	start /l php -S 0.0.0.0:80 -t "$work"
	client() {
		on /cli php -r 'echo file_get_contents("http://l/");'
	}
	;;
java)
	need java
	cat >"$work/S.java" <<'JAVA'
import com.sun.net.httpserver.*;
import java.net.*;
import java.util.concurrent.*;
public class S {
	public static void main(String[] a) throws Exception {
		HttpServer s = HttpServer.create(new InetSocketAddress(80), 50);
		s.setExecutor(Executors.newFixedThreadPool(4));
		s.createContext("/", x -> {
			byte[] b = "hello from java\n".getBytes();
			x.sendResponseHeaders(200, b.length);
			x.getResponseBody().write(b);
			x.close();
		});
		s.start();
	}
}
JAVA
	cat >"$work/C.java" <<'JAVA'
import java.net.*;
import java.net.http.*;
public class C {
	public static void main(String[] a) throws Exception {
		System.out.print(HttpClient.newHttpClient().send(HttpRequest.newBuilder(
			URI.create("http://l/")).build(), HttpResponse.BodyHandlers.ofString()).body());
	}
}
JAVA
	java -version 2>/dev/null && java --list-modules | grep -q jdk.compiler || {
		echo "skipped: this Java has no compiler"
		exit 77
	}
	start /l java "$work/S.java"
	client() {
		on /cli java "$work/C.java"
	}
	;;
go*)
	need go
	cgo=0 mode=exe
	[ "$language" = go ] && cgo=1
	[ "$language" = go-pie ] && mode=pie
	cat >"$work/main.go" <<'GO'
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		r, err := http.Get(os.Args[1])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		io.Copy(os.Stdout, r.Body)
		return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello from go")
	})
	http.ListenAndServe(":80", nil)
}
GO
	(cd "$work" && HOME=$work GO111MODULE=off CGO_ENABLED=$cgo go build -buildmode=$mode -o prog main.go)
	start /l "$work/prog"
	client() {
		on /cli "$work/prog" http://l/
	}
	;;
esac
until_ok client
expect "hello from ${language%-*}" "$(client)" "$language to $language"
if command -v ab >/dev/null; then
	on /cli ab -q -n 300 -c 10 http://l/ >"$work/ab.log" 2>&1
	expect 0 "$(sed -n 's/Failed requests: *//p' "$work/ab.log")" "ab"
fi
if [ "$language" = go-static ] && [ "$(id -u)" = 0 ]; then
	"$toami" run --stack kernel -v /lk -- "$work/prog" >"$work/kernel.log" 2>&1 &
	started="$started $!"
	until_ok on /cli curl -sf http://lk/
	expect "hello from go" "$(on /cli "$work/prog" http://lk/)" "a server on the kernel's stack"
	expect "hello from go" "$("$toami" run --stack kernel -v /lc -- "$work/prog" http://l/)" \
		"a client there"
	"$toami" trace -o "$work/trace" -v /cli -- "$work/prog" http://l/ >"$work/out"
	expect "hello from go" "$(cat "$work/out")" "traced"
	expect 1 "$(grep -cE "^[0-9]+ connect\([0-9]+, .*:80, (16|28)\) = -1 EINPROGRESS" "$work/trace")" \
		"its connection in the trace"
fi
expect_nothing_left
