/* SPDX-License-Identifier: BSD-2-Clause */
/* See tap.h. */
#include "port/tap.h"
#include "stack/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Agrees with the kernel on what is left open. */
static int set_offload(struct tap *t, bool offload)
{
	unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	t->offload = offload;
	return ioctl(t->fd, TUNSETOFFLOAD, offload ? tcp : 0) ? -errno : 0;
}

int tap_adopt(struct tap *t, int fd, bool offload)
{
	struct ifreq r = { 0 };
	int bytes = (int)PORT_HEADER_BYTES, err;

	if (ioctl(fd, TUNGETIFF, &r))
		return -ENOTTY;
	if ((r.ifr_flags & (IFF_TAP | IFF_TUN | IFF_NO_PI | IFF_VNET_HDR)) !=
	    TAP_FLAGS)
		return -EINVAL;
	if (ioctl(fd, TUNSETVNETHDRSZ, &bytes) ||
	    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK))
		return -errno;
	t->fd = fd;
	err = set_offload(t, offload);
	if (!err) {
		t->buffer = malloc(PORT_FRAME_MAX);
		err = t->buffer ? 0 : -ENOMEM;
	}
	if (err)
		t->fd = -1;
	memcpy(t->name, r.ifr_name, IFNAMSIZ);
	t->name[IFNAMSIZ - 1] = 0;
	return err;
}

void tap_fini(struct tap *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	free(t->buffer);
	t->buffer = NULL;
}

/* One frame of @bytes in t->buffer. */
static void take(struct tap *t, struct arena *a, const struct virtio_net_hdr *v,
		 uint32_t bytes, struct frame_list *out)
{
	struct port_headers h;
	frame_ix ix;
	int err;

	t->count.in++;
	t->count.in_bytes += bytes;
	if (!port_parse(t->buffer, bytes, &h)) {
		t->count.in_bad++;
		return;
	}
	if (!port_guard_passes(&t->guard, t->buffer, bytes, &h)) {
		t->count.in_refused++;
		return;
	}
	if (port_gro_add(&t->gro, a, v, t->buffer, &h, out))
		return;
	err = port_frame_in(a, v, t->buffer, bytes, &h, &ix);
	if (!err)
		frame_list_add(a, out, ix);
	else if (err == -ENOBUFS)
		t->count.in_lost++;
	else
		t->count.in_bad++;
}

/*
 * Whoever made the interface holds it, too, and may have it wait at any time:
 * so each call says that it does not want to.
 */
int tap_receive(struct tap *t, struct arena *a, uint32_t budget,
		struct frame_list *out)
{
	struct frame_list list = { 0, 0 };
	struct virtio_net_hdr v;
	struct iovec iov[2] = { { &v, PORT_HEADER_BYTES },
				{ t->buffer, PORT_FRAME_MAX } };
	uint32_t n = 0;
	int err = 0;
	frame_ix ix;

	while (n < budget) {
		ssize_t bytes = preadv2(t->fd, iov, 2, -1, RWF_NOWAIT);

		/* Older kernels go by the descriptor alone. */
		if (bytes < 0 && errno == EOPNOTSUPP)
			bytes = readv(t->fd, iov, 2);

		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes < 0) {
			err = errno == EAGAIN ? 0 : -errno;
			break;
		}
		n++;
		if (bytes < (ssize_t)PORT_HEADER_BYTES)
			t->count.in_bad++;
		else
			take(t, a, &v, (uint32_t)bytes - PORT_HEADER_BYTES,
			     &list);
	}
	port_gro_flush(&t->gro, a, &list);
	while ((ix = frame_list_pop(a, &list))) {
		frame_at(a, ix)->tx_vif = t->vif;
		frame_list_add(a, out, ix);
	}
	return n ? (int)n : err;
}

static void put(struct tap *t, struct arena *a, frame_ix ix)
{
	struct frame *f = frame_at(a, ix);
	struct iovec iov[PORT_IOV_MAX];
	struct virtio_net_hdr v;
	ssize_t bytes;
	int n = port_frame_out(a, f, &v, iov);

	do {
		bytes = n < 0 ? -1 : pwritev2(t->fd, iov, n, -1, RWF_NOWAIT);
		if (n > 0 && bytes < 0 && errno == EOPNOTSUPP)
			bytes = writev(t->fd, iov, n);
	} while (n > 0 && bytes < 0 && errno == EINTR);
	if (bytes < 0) {
		t->count.out_lost++;
	} else {
		t->count.out++;
		t->count.out_bytes += (uint64_t)bytes - PORT_HEADER_BYTES;
	}
	frame_free(a, ix);
}

void tap_send(struct tap *t, struct arena *a, frame_ix ix)
{
	const struct frame *f = frame_at(a, ix);
	struct frame_list list = { 0, 0 };

	if (t->offload && f->gso_type != FRAME_GSO_UDP) {
		put(t, a, ix);
		return;
	}
	if (frame_segment(a, ix, !t->offload, &list) < 0)
		t->count.out_lost++;
	while ((ix = frame_list_pop(a, &list)))
		put(t, a, ix);
}
