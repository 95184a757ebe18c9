/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A datagram in the making: MSG_MORE and UDP_CORK. Its bytes wait in chunks, in
 * the place of a stream's send queue.
 */
#include "stack/stack_internal.h"
#include "base/mem.h"

#include <errno.h>

int udp_cork(struct stack *st, conn_ix ix, const void *src, uint32_t bytes)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);
	const uint8_t *s = src;
	int err = 0;

	while (bytes) {
		struct chunk *k =
			c->snd_tail ? chunk_at(st->arena, c->snd_tail) : NULL;
		uint32_t n;

		if (!k || k->end == CHUNK_BYTES) {
			chunk_ix fresh = chunk_alloc(st->arena);

			if (!fresh) {
				err = -ENOBUFS;
				break;
			}
			if (k)
				k->next = fresh;
			else
				c->snd_head = fresh;
			c->snd_tail = fresh;
			k = chunk_at(st->arena, fresh);
		}
		n = min_u32(bytes, CHUNK_BYTES - k->end);
		mem_copy(chunk_bytes(st->arena, c->snd_tail) + k->end, s, n);
		k->end = (uint16_t)(k->end + n);
		s += n;
		bytes -= n;
		store_u32(&c->snd_queued, c->snd_queued + n);
	}
	writing_end(st, outer);
	return err;
}

uint32_t udp_corked(const struct stack *st, conn_ix ix)
{
	return conn_at(st, ix)->snd_queued;
}

void udp_cork_drop(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);
	chunk_ix k = c->snd_head;

	c->snd_head = 0;
	c->snd_tail = 0;
	store_u32(&c->snd_queued, 0);
	while (k) {
		chunk_ix next = chunk_at(st->arena, k)->next;

		chunk_put(st->arena, k);
		k = next;
	}
	writing_end(st, outer);
}

/* A small one lies in the frame itself. */
static int fill(struct stack *st, const struct conn *c, frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	int err = 0;

	for (chunk_ix k = c->snd_head; k && !err;
	     k = chunk_at(st->arena, k)->next) {
		uint16_t n = chunk_at(st->arena, k)->end;

		if (c->snd_queued > FRAME_INLINE_MAX) {
			err = frame_refer(st->arena, ix, k, 0, n);
			continue;
		}
		mem_copy(f->data + f->payload, chunk_bytes(st->arena, k), n);
		f->payload += n;
	}
	return err ? -ENOBUFS : 0;
}

int udp_uncork(struct stack *st, conn_ix ix, const struct ip_addr *to,
	       uint16_t port, const struct udp_how *how)
{
	frame_ix frame = frame_alloc(st->arena);
	int err = frame ? fill(st, conn_at(st, ix), frame) : -ENOBUFS;

	udp_cork_drop(st, ix);
	if (!err)
		return udp_send_how(st, ix, frame, to, port, how);
	if (frame)
		frame_free(st->arena, frame);
	return err;
}
