/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that wait for events. */
#include "random.h"

#include <sys/epoll.h>
#include <sys/select.h>

static short poll_events(struct dice *d)
{
	return (short)one(d, POLLIN, POLLOUT, POLLIN | POLLOUT, POLLPRI,
			  POLLRDHUP, 0, POLLIN | POLLRDHUP | POLLPRI,
			  POLLRDNORM, POLLWRNORM, POLLRDBAND, POLLWRBAND,
			  0x7fff);
}

void random_poll(struct dice *d)
{
	struct pollfd p[4];
	unsigned int n = roll(d, 5);
	int ms = (int)one(d, 0, 0, 3, -1);
	struct timespec ts = { 0, ms * 1000000L };
	struct pollfd *at;
	long ret;

	say("poll ");
	for (unsigned int i = 0; i < n; i++) {
		p[i].fd = slot_fd(slot_pick(d, KIND_ANY));
		p[i].events = poll_events(d);
		p[i].revents = 0x55;
		say("/%x ", (unsigned int)p[i].events);
	}
	say("%d ms", ms);
	at = pointer_draw(d, p);
	if (odds(d, 2))
		ret = TIMED(poll(at, n, ms));
	else
		ret = TIMED(ppoll(at, n, ms < 0 ? NULL : &ts, NULL));
	told(ret);
	for (unsigned int i = 0; i < n; i++)
		say(" %x", (unsigned int)p[i].revents);
}

void random_select(struct dice *d)
{
	fd_set sets[3];
	int ms = (int)one(d, 0, 0, 3), most = 0, fds[4];
	unsigned int n = roll(d, 5);
	struct timeval tv = { 0, ms * 1000 };
	struct timespec ts = { 0, ms * 1000000L };
	long ret;

	say("select");
	for (int k = 0; k < 3; k++)
		FD_ZERO(&sets[k]);
	for (unsigned int i = 0; i < n; i++) {
		int slot = slot_pick(d, KIND_ANY);

		say(" ");
		fds[i] = slot_fd(slot);
		if (slot == -1 && odds(d, 2))
			fds[i] = 50; /* nothing */
		for (int k = 0; k < 3; k++) {
			if (fds[i] < 0 || odds(d, 2))
				continue;
			FD_SET(fds[i], &sets[k]);
			say("/%c", "rwe"[k]);
			if (fds[i] >= most)
				most = fds[i] + 1;
		}
	}
	if (odds(d, 20))
		most = (int)one(d, 0, -1, 1);
	say(" %d ms", ms);
	if (odds(d, 2))
		ret = TIMED(select(most, &sets[0], &sets[1], &sets[2], &tv));
	else
		ret = TIMED(pselect(most, &sets[0],
				    odds(d, 2) ? &sets[1] : NULL, &sets[2], &ts,
				    NULL));
	told(ret);
	for (unsigned int i = 0; i < n && ret >= 0; i++)
		for (int k = 0; k < 3; k++)
			if (fds[i] >= 0 && FD_ISSET(fds[i], &sets[k]))
				say(" %u%c", i, "rwe"[k]);
}

void random_epoll_ctl(struct dice *d)
{
	struct epoll_event ev = { 0 };
	int set = slot_pick(d, odds(d, 20) ? KIND_ANY : KIND_EPOLL);
	int what = slot_pick(d, KIND_ANY);
	long op = one(d, EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD,
		      EPOLL_CTL_MOD, EPOLL_CTL_DEL);
	int ep, fd;

	if (set == -2) {
		say("epoll_create1");
		slot_put(told(epoll_create1(0)), KIND_EPOLL, false);
		return;
	}
	if (odds(d, 40))
		op = one(d, 0, 4, -1);
	ev.events =
		(uint32_t)one(d, EPOLLIN, EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT,
			      EPOLLPRI, 0, EPOLLIN | EPOLLRDHUP,
			      EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI);
	ev.events |= (uint32_t)one(d, 0, 0, 0, EPOLLET, EPOLLET, EPOLLONESHOT);
	if (odds(d, 20))
		ev.events |= (uint32_t)one(d, EPOLLEXCLUSIVE, EPOLLWAKEUP);
	ev.data.u64 = (uint64_t)(what < 0 ? 99 : what);
	say("epoll_ctl ");
	ep = slot_fd(set);
	say(" %ld ", op);
	fd = slot_fd(what);
	say(" %x", ev.events);
	errno = 0;
	told(epoll_ctl(ep, (int)op, fd, pointer_draw(d, &ev)));
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;

	return x->data.u64 < y->data.u64   ? -1
	       : x->data.u64 > y->data.u64 ? 1
	       : x->events < y->events	   ? -1
					   : x->events > y->events;
}

void random_epoll_wait(struct dice *d)
{
	struct epoll_event ev[SLOTS * 2];
	int set = slot_pick(d, odds(d, 20) ? KIND_ANY : KIND_EPOLL), ep;
	/* All, since in which order is not the same. */
	long most = odds(d, 25) ? one(d, 0, -1, 1 << 30) : SLOTS * 2;
	long ms = one(d, 0, 0, 0, 3, -1);
	long ret;

	say("epoll_wait ");
	ep = slot_fd(set);
	say(" %ld %ld ms", most, ms);
	ret = told(
		TIMED(epoll_wait(ep, pointer_draw(d, ev), (int)most, (int)ms)));
	if (ret <= 0)
		return;
	qsort(ev, (size_t)ret, sizeof(*ev), by_data);
	for (long i = 0; i < ret; i++)
		say(" s%lu/%x", (unsigned long)ev[i].data.u64, ev[i].events);
}
