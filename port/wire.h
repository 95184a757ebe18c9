/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames as a device has them: a struct virtio_net_hdr (VIRTIO 1.2, section
 * 5.1.6) and the bytes of an Ethernet frame.
 *
 * What comes in is somebody else's: it lies in memory of ours, so it does not
 * change while it is looked at, but nothing in it is believed. Lengths are
 * checked against what was read, offloads against the headers found.
 */
#ifndef TOAMI_PORT_WIRE_H
#define TOAMI_PORT_WIRE_H

#include "base/frame.h"

#include <linux/virtio_net.h>
#include <sys/uio.h>

/* The bytes of struct virtio_net_hdr that a device without more features has.
 */
#define PORT_HEADER_BYTES ((uint32_t)sizeof(struct virtio_net_hdr))
#define PORT_FRAME_MAX	  (14u + 65535u)
#define PORT_IOV_MAX	  (FRAME_REFS_MAX + 2)

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Where the headers of an inbound frame lie; all offsets are within it. */
struct port_headers {
	uint16_t type;	       /* Ethernet type, host byte order */
	bool v4, v6;	       /* an IP header that is plausible */
	bool fragment;	       /* IPv4: a piece of a datagram */
	uint8_t proto;	       /* of IP; for IPv6 the first next header */
	uint32_t l4_off;       /* 0: no IP */
	uint32_t header_bytes; /* up to the payload of TCP or UDP, else to where
				  reading on is cheap */
	uint32_t ip_bytes;     /* total length that the IP header claims */
};

/* port_parse - false: not even Ethernet, or an IP header beyond @bytes */
bool port_parse(const uint8_t *frame, uint32_t bytes, struct port_headers *h);

/**
 * port_frame_in - a frame of the fabric from what a device gave
 * @v:     header, from the device
 * @frame: its bytes; a checksum left open that the fabric has no word for is
 *         computed in place
 * @h:     what port_parse() found
 *
 * Returns 0 and *ix, owned by the caller; -EINVAL: header and frame contradict
 * each other; -ENOBUFS.
 */
int port_frame_in(struct arena *a, const struct virtio_net_hdr *v,
		  uint8_t *frame, uint32_t bytes, const struct port_headers *h,
		  frame_ix *ix);

/**
 * port_frame_out - how a device is given @f: a header, and its bytes by
 * reference
 * @iov: gets PORT_IOV_MAX entries at most, the header among them; they point
 *       into @v, @f and its chunks
 *
 * Returns the number of entries, or -EINVAL for a frame that contradicts
 * itself.
 */
int port_frame_out(const struct arena *a, struct frame *f,
		   struct virtio_net_hdr *v, struct iovec *iov);

#endif
