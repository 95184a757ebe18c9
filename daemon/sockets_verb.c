/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verb "ss": every socket of the fabric, as ss(8) lists the kernel's.
 *
 * A connection is copied with its host's lock held, a few at a time, so that
 * nobody waits long; whose host's lock cannot be had (its holder is stopped) is
 * left out and counted. Who has a socket open is read from the descriptor
 * tables, without a lock: it may be a moment old.
 */
#include "daemon/call.h"
#include "daemon/json_text.h"
#include "daemon/tree.h"
#include "socket/work.h"
#include "stack/conn.h"
#include "vif/vif.h"

#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 64

struct row {
	host_ix host;
	conn_ix ix;
	bool seen;
	struct conn c;
	struct tcp_info info;
};

/* A descriptor that names a socket. */
struct holder {
	sock_ix sock;
	proc_ix proc;
	int fd;
};

struct listing {
	struct daemon *d;
	struct row *row;
	size_t rows;
	struct holder *holder;
	size_t holders;
	uint64_t now_ns;
	bool info;
	uint64_t left_out;
};

static const char *state_name(const struct conn *c)
{
	static const char *const names[] = {
		[CONN_ESTABLISHED] = "ESTAB",
		[CONN_SYN_SENT] = "SYN-SENT",
		[CONN_SYN_RECEIVED] = "SYN-RECV",
		[CONN_FIN_WAIT1] = "FIN-WAIT-1",
		[CONN_FIN_WAIT2] = "FIN-WAIT-2",
		[CONN_TIME_WAIT] = "TIME-WAIT",
		[CONN_CLOSED] = "UNCONN",
		[CONN_CLOSE_WAIT] = "CLOSE-WAIT",
		[CONN_LAST_ACK] = "LAST-ACK",
		[CONN_LISTEN] = "LISTEN",
		[CONN_CLOSING] = "CLOSING",
	};

	if (c->proto == STACK_UDP)
		return c->pport ? "ESTAB" : "UNCONN";
	return c->state < ARRAY_SIZE(names) && names[c->state] ? names[c->state]
							       : "UNCONN";
}

static int by_host(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	return x->ix < y->ix ? -1 : x->ix > y->ix;
}

static int by_sock(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->sock != y->sock)
		return x->sock < y->sock ? -1 : 1;
	if (x->proc != y->proc)
		return x->proc < y->proc ? -1 : 1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

/* What there seems to be; looked at again with the lock. */
static bool find_rows(struct listing *l, vif_ix top)
{
	struct fabric *f = daemon_fabric(l->d);
	const struct slot_table *t = &f->table[FABRIC_TABLE_CONN];
	uint32_t end = slot_end(t), most = 0;

	for (conn_ix ix = 1; ix < end; ix++)
		most += ((const struct conn *)slot_at(t, ix))->state !=
			CONN_FREE;
	l->row = calloc(most + 1, sizeof(*l->row));
	if (!l->row)
		return false;
	for (conn_ix ix = 1; ix < end && l->rows < most; ix++) {
		const struct conn *c = slot_at(t, ix);

		if (c->state == CONN_FREE || !c->host ||
		    c->host >= FABRIC_HOST_MAX ||
		    (top != VIF_ROOT && !vif_below(f, c->vif, top)))
			continue;
		l->row[l->rows].host = c->host;
		l->row[l->rows++].ix = ix;
	}
	qsort(l->row, l->rows, sizeof(*l->row), by_host);
	return true;
}

/* Copies rows [from, to), all of one host. */
static void copy_rows(struct listing *l, size_t from, size_t to)
{
	struct work w;

	if (atomic_load(&daemon_fabric(l->d)->hosts[l->row[from].host].state) !=
		    FABRIC_HOST_UP ||
	    work_begin(&w, &l->d->thread, l->row[from].host)) {
		l->left_out += to - from;
		return;
	}
	for (size_t i = from; i < to; i++) {
		struct row *r = &l->row[i];
		const struct conn *c = slot_at(w.stack.conns, r->ix);

		if (c->state == CONN_FREE || c->host != r->host)
			continue;
		r->seen = true;
		r->c = *c;
		if (l->info && c->proto == STACK_TCP)
			tcp_info(&w.stack, r->ix, &r->info, sizeof(r->info));
	}
	work_end(&w);
}

static void copy_all(struct listing *l)
{
	for (size_t from = 0, to; from < l->rows; from = to) {
		for (to = from + 1; to < l->rows && to - from < AT_ONCE &&
				    l->row[to].host == l->row[from].host;)
			to++;
		copy_rows(l, from, to);
	}
}

static bool find_holders(struct listing *l)
{
	struct fabric *f = daemon_fabric(l->d);
	size_t room = 0;

	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX; ix++) {
		const struct fabric_proc *p = &f->procs[ix];
		uint32_t end = min_u32(atomic_load(&p->fd_end), FABRIC_FD_MAX);

		if (!atomic_load(&p->state))
			continue;
		for (uint32_t fd = 0; fd < end; fd++) {
			uint32_t e = atomic_load(&p->fd[fd]);
			struct holder *more;

			if (!e || (e & FABRIC_FD_PSET))
				continue;
			if (l->holders == room) {
				room = room ? 2 * room : 256;
				more = realloc(l->holder, room * sizeof(*more));
				if (!more)
					return false;
				l->holder = more;
			}
			l->holder[l->holders++] =
				(struct holder){ e, ix, (int)fd };
		}
	}
	if (l->holders)
		qsort(l->holder, l->holders, sizeof(*l->holder), by_sock);
	return true;
}

static void put_holders(struct json_text *j, const struct listing *l,
			sock_ix sock)
{
	size_t low = 0, high = l->holders;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (l->holder[middle].sock < sock)
			low = middle + 1;
		else
			high = middle;
	}
	json_text_open(j, "programs", '[');
	for (; sock && low < l->holders && l->holder[low].sock == sock; low++) {
		const struct fabric_proc *p =
			&daemon_fabric(l->d)->procs[l->holder[low].proc];
		char name[sizeof(p->name) + 1];
		size_t n = 0;

		for (; n < sizeof(p->name) && p->name[n]; n++)
			name[n] = p->name[n] >= ' ' && p->name[n] <= '~'
					  ? p->name[n]
					  : '?';
		name[n] = 0;
		json_text_open(j, NULL, '{');
		json_text_number(j, "pid", (uint64_t)atomic_load(&p->pid));
		json_text_string(j, "name", name);
		json_text_number(j, "fd", (uint64_t)l->holder[low].fd);
		json_text_number(j, "uid", p->uid);
		json_text_close(j, '}');
	}
	json_text_close(j, ']');
}

static void put_name(struct json_text *j, const char *key,
		     const struct ip_addr *a, uint16_t port)
{
	char text[POOL_TEXT];

	json_text_open(j, key, '{');
	json_text_string(j, "address",
			 ip_is_any(a) ? NULL : pool_print(a, text));
	json_text_number(j, "port", port);
	json_text_close(j, '}');
}

/* What happens next if nothing else does, as `ss -o` names it. */
static void put_timer(struct json_text *j, const struct listing *l,
		      const struct conn *c)
{
	const char *name = NULL;
	uint64_t at = 0;

	if (c->proto != STACK_TCP || c->state == CONN_LISTEN)
		return;
	if (c->rtx_at) {
		name = c->rtx_kind == TCP_RTX_PERSIST ? "persist" : "on";
		at = c->rtx_at;
	} else if (c->keep_at) {
		name = c->state == CONN_TIME_WAIT ? "timewait" : "keepalive";
		at = c->keep_at;
	} else {
		return;
	}
	json_text_open(j, "timer", '{');
	json_text_string(j, "kind", name);
	json_text_number(j, "ms",
			 at > l->now_ns ? (at - l->now_ns) / NSEC_PER_MSEC : 0);
	json_text_number(j, "retries", c->retries);
	json_text_close(j, '}');
}

static void put_info(struct json_text *j, const struct row *r)
{
	const struct tcp_info *i = &r->info;
	const struct {
		const char *key;
		uint64_t value;
	} of[] = {
		{ "rto_us", i->tcpi_rto },
		{ "rtt_us", i->tcpi_rtt },
		{ "rttvar_us", i->tcpi_rttvar },
		{ "min_rtt_us", i->tcpi_min_rtt },
		{ "mss", i->tcpi_snd_mss },
		{ "pmtu", i->tcpi_pmtu },
		{ "rcvmss", i->tcpi_rcv_mss },
		{ "advmss", i->tcpi_advmss },
		{ "cwnd", i->tcpi_snd_cwnd },
		{ "ssthresh", i->tcpi_snd_ssthresh },
		{ "bytes_sent", i->tcpi_bytes_sent },
		{ "bytes_retrans", i->tcpi_bytes_retrans },
		{ "bytes_acked", i->tcpi_bytes_acked },
		{ "bytes_received", i->tcpi_bytes_received },
		{ "segs_out", i->tcpi_segs_out },
		{ "segs_in", i->tcpi_segs_in },
		{ "retrans", i->tcpi_total_retrans },
		{ "unacked", i->tcpi_unacked },
		{ "sacked", i->tcpi_sacked },
		{ "lost", i->tcpi_lost },
		{ "reordering", i->tcpi_reordering },
		{ "rcv_space", i->tcpi_rcv_space },
		{ "snd_wnd", r->c.snd_wnd },
		{ "notsent", i->tcpi_notsent_bytes },
		{ "last_send_ms", i->tcpi_last_data_sent },
		{ "last_recv_ms", i->tcpi_last_data_recv },
		{ "last_ack_ms", i->tcpi_last_ack_recv },
		{ "pacing_bps", i->tcpi_pacing_rate == UINT64_MAX
					? 0
					: i->tcpi_pacing_rate * 8 },
		{ "delivery_bps", i->tcpi_delivery_rate * 8 },
		{ "snd_wscale", i->tcpi_snd_wscale },
		{ "rcv_wscale", i->tcpi_rcv_wscale },
		{ "timestamps", !!(i->tcpi_options & TCPI_OPT_TIMESTAMPS) },
		{ "sack", !!(i->tcpi_options & TCPI_OPT_SACK) },
		{ "wscale", !!(i->tcpi_options & TCPI_OPT_WSCALE) },
		{ "ecn", !!(i->tcpi_options & TCPI_OPT_ECN) },
		{ "backoff", i->tcpi_backoff },
	};

	json_text_open(j, "info", '{');
	json_text_string(j, "congestion", r->c.reno ? "reno" : "cubic");
	for (size_t k = 0; k < ARRAY_SIZE(of); k++)
		json_text_number(j, of[k].key, of[k].value);
	json_text_close(j, '}');
}

static void put_row(struct json_text *j, const struct listing *l,
		    const struct row *r)
{
	const struct fabric *f = daemon_fabric(l->d);
	const struct conn *c = &r->c;
	bool listen = c->state == CONN_LISTEN;
	char path[VIF_PATH_MAX];

	vif_path(f, c->vif ? c->vif : f->hosts[r->host].vif, path);
	json_text_open(j, NULL, '{');
	json_text_string(j, "proto", c->proto == STACK_TCP ? "tcp" : "udp");
	json_text_string(j, "state", state_name(c));
	json_text_number(j, "recv_q", listen ? c->accepts : c->rcv_queued);
	json_text_number(j, "send_q",
			 listen			 ? c->backlog
			 : c->proto == STACK_TCP ? c->snd_queued
						 : 0);
	json_text_string(j, "family", c->flags & CONN_INET6 ? "inet6" : "inet");
	put_name(j, "local", &c->local, c->lport);
	put_name(j, "peer", &c->peer, c->pport);
	json_text_string(j, "vif", path);
	json_text_number(j, "sock", c->sock);
	json_text_number(j, "rcvbuf", c->rcvbuf);
	json_text_number(j, "sndbuf", c->sndbuf);
	json_text_number(j, "drops", c->drops);
	put_holders(j, l, c->sock);
	put_timer(j, l, c);
	if (l->info && c->proto == STACK_TCP && !listen)
		put_info(j, r);
	json_text_close(j, '}');
}

json_t *do_ss(struct call *c)
{
	struct listing l = { .d = c->daemon, .info = call_flag(c, "info") };
	struct json_text j = { 0 };
	bool bad = false;
	const char *path = call_text(c, "path", &bad);
	vif_ix top = bad ? 0 : tree_find(c->daemon, path ? path : "/", c->why);
	char *text = NULL;

	if (!top)
		return NULL;
	l.now_ns = fabric_now(daemon_fabric(c->daemon));
	if (find_rows(&l, top) && find_holders(&l)) {
		copy_all(&l);
		json_text_open(&j, NULL, '{');
		json_text_open(&j, "sockets", '[');
		for (size_t i = 0; i < l.rows; i++)
			if (l.row[i].seen)
				put_row(&j, &l, &l.row[i]);
		json_text_close(&j, ']');
		json_text_number(&j, "left_out", l.left_out);
		json_text_close(&j, '}');
		text = json_text_take(&j);
	}
	free(l.row);
	free(l.holder);
	return call_text_result(c, text);
}
