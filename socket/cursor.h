/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A place in the program's buffers: what is left of an array of struct iovec.
 *
 * Nothing is checked beyond what the kernel checks of the array itself; a bad
 * address faults at the copy.
 */
#ifndef TOAMI_SOCKET_CURSOR_H
#define TOAMI_SOCKET_CURSOR_H

#include <errno.h>
#include <limits.h>
#include <sys/uio.h>

#include "base/mem.h"

#define CURSOR_IOV_MAX	 1024	      /* IOV_MAX */
#define CURSOR_BYTES_MAX 0x7ffff000ul /* MAX_RW_COUNT of the kernel */

struct cursor {
	const struct iovec *iov;
	size_t count; /* entries from iov on */
	size_t off;   /* within the first */
	size_t left;  /* bytes in all */
};

static inline struct cursor cursor_one(struct iovec *iov, const void *buf,
				       size_t bytes)
{
	if (bytes > CURSOR_BYTES_MAX)
		bytes = CURSOR_BYTES_MAX;
	iov->iov_base = (void *)(uintptr_t)buf;
	iov->iov_len = bytes;
	return (struct cursor){ iov, 1, 0, bytes };
}

/* cursor_many - 0, or -EINVAL for an array that the kernel would refuse */
static inline int cursor_many(struct cursor *c, const struct iovec *iov,
			      size_t count)
{
	*c = (struct cursor){ iov, count, 0, 0 };
	if (count > CURSOR_IOV_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (iov[i].iov_len > LONG_MAX)
			return -EINVAL;
		c->left += iov[i].iov_len;
	}
	if (c->left > CURSOR_BYTES_MAX)
		c->left = CURSOR_BYTES_MAX;
	return 0;
}

/* The next piece that lies in one buffer, at most @max bytes; 0: the end. */
static inline size_t cursor_piece(struct cursor *c, size_t max, void **at)
{
	size_t n;

	while (c->count && c->off == c->iov->iov_len) {
		c->iov++;
		c->count--;
		c->off = 0;
	}
	if (!c->count || !c->left)
		return 0;
	n = c->iov->iov_len - c->off;
	if (n > max)
		n = max;
	if (n > c->left)
		n = c->left;
	*at = (char *)c->iov->iov_base + c->off;
	return n;
}

static inline void cursor_advance(struct cursor *c, size_t n)
{
	c->off += n;
	c->left -= n;
}

/* cursor_get - copies up to @bytes out of the program's buffers; returns how
 * many */
static inline size_t cursor_get(struct cursor *c, void *dst, size_t bytes)
{
	size_t done = 0, n;
	void *at;

	while (done < bytes && (n = cursor_piece(c, bytes - done, &at))) {
		mem_copy((char *)dst + done, at, n);
		cursor_advance(c, n);
		done += n;
	}
	return done;
}

#endif
