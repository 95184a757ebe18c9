/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See procnet.h. The slots are read without a lock: a connection that changes
 * meanwhile is shown in one state or the other, or torn.
 */
#include "socket/procnet.h"
#include "base/mem.h"
#include "base/sys.h"
#include "socket/sock.h"
#include "stack/conn.h"

#include <errno.h>
#include <linux/memfd.h>

#define LINE_MAX_BYTES 256

static const struct file {
	char name[PROCNET_NAME_MAX];
	uint8_t proto;
	bool inet6;
} files[] = {
	{ "tcp", STACK_TCP, false },
	{ "tcp6", STACK_TCP, true },
	{ "udp", STACK_UDP, false },
	{ "udp6", STACK_UDP, true },
	{ "udplite", STACK_UDPLITE, false },
	{ "udplite6", STACK_UDPLITE, true },
	{ "raw", STACK_RAW, false },
	{ "raw6", STACK_RAW6, true },
	{ "icmp", STACK_ICMP, false },
	{ "icmp6", STACK_ICMP6, true },
};

/* Text on its way into a file. */
struct text {
	long fd;
	uint32_t bytes;
	char at[4096];
};

static void flush(struct text *x)
{
	if (x->bytes)
		sys_call(SYS_write, x->fd, x->at, x->bytes);
	x->bytes = 0;
}

static void put(struct text *x, const char *s)
{
	while (*s)
		x->at[x->bytes++] = *s++;
}

static void put_hex(struct text *x, uint32_t v, int digits)
{
	static const char hex[] = "0123456789ABCDEF";

	for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
		x->at[x->bytes++] = hex[v >> shift & 15];
}

/* Right-aligned. */
static void put_number(struct text *x, uint32_t v, int width)
{
	char digits[10];
	int n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (; width > n; width--)
		x->at[x->bytes++] = ' ';
	while (n)
		x->at[x->bytes++] = digits[--n];
}

static void put_address(struct text *x, const struct ip_addr *a, uint16_t port,
			bool inet6)
{
	for (int i = inet6 ? 0 : 3; i < 4; i++)
		put_hex(x, a->w[i], 8);
	put(x, ":");
	put_hex(x, port, 4);
}

static uint8_t state_of(const struct conn *c)
{
	if (c->proto == STACK_TCP)
		return c->state;
	return c->pport ? CONN_ESTABLISHED : CONN_CLOSED;
}

static void put_line(struct text *x, const struct file *f, uint32_t number,
		     const struct conn *c)
{
	/* A listener's queues are counted in connections. */
	bool listens = c->state == CONN_LISTEN;

	put_number(x, number, f->proto == STACK_TCP ? 4 : 5);
	put(x, ": ");
	put_address(x, &c->local, c->lport, f->inet6);
	put(x, " ");
	put_address(x, &c->peer, c->pport, f->inet6);
	put(x, " ");
	put_hex(x, state_of(c), 2);
	put(x, " ");
	put_hex(x, listens ? 0 : c->snd_queued, 8);
	put(x, ":");
	put_hex(x, listens ? c->accepts : c->rcv_queued, 8);
	put(x, " 00:00000000 00000000 ");
	put_number(x, 0, 5); /* whose it is: the fabric's */
	put(x, "        0 ");
	put_number(x, c->sock, 0);
	put(x, " 1 0000000000000000 ");
	put_number(x, f->proto == STACK_TCP ? 0 : c->drops, 0);
	put(x, "\n");
	if (x->bytes > sizeof(x->at) - LINE_MAX_BYTES)
		flush(x);
}

static bool is_inet6(const struct fabric *f, const struct conn *c)
{
	if (c->sock)
		return sock_at(f, c->sock)->inet6;
	return !ip_is_v4(&c->local) && !ip_is_any(&c->local);
}

static void put_all(struct text *x, const struct fabric *fabric, host_ix host,
		    const struct file *f)
{
	const struct slot_table *conns = &fabric->table[FABRIC_TABLE_CONN];
	uint32_t end = slot_end(conns), number = 0;

	put(x, f->proto == STACK_TCP
		       ? "  sl  local_address rem_address   st tx_queue "
			 "rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
		       : "   sl  local_address rem_address   st tx_queue "
			 "rx_queue tr tm->when retrnsmt   uid  timeout inode "
			 "ref pointer drops\n");
	for (conn_ix ix = 1; ix < end; ix++) {
		const struct conn *c = slot_at(conns, ix);

		if (c->state == CONN_FREE || c->host != host ||
		    c->proto != f->proto ||
		    (f->proto == STACK_TCP && c->state == CONN_CLOSED) ||
		    is_inet6(fabric, c) != f->inet6)
			continue;
		put_line(x, f, number++, c);
	}
	flush(x);
}

static bool is_named(const struct file *f, const char *name)
{
	size_t i = 0;

	while (i < sizeof(f->name) && f->name[i] && f->name[i] == name[i])
		i++;
	return i == sizeof(f->name) || (!f->name[i] && !name[i]);
}

long procnet_open(struct socket_thread *t, const char *name, bool cloexec)
{
	struct text x;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (!is_named(&files[i], name))
			continue;
		x.bytes = 0;
		x.fd = sys_call(SYS_memfd_create, files[i].name,
				cloexec ? MFD_CLOEXEC : 0);
		if (x.fd < 0)
			return x.fd;
		put_all(&x, &t->process->fabric, t->process->host, &files[i]);
		sys_call(SYS_lseek, x.fd, 0, 0);
		return x.fd;
	}
	return SOCKET_PASS;
}
