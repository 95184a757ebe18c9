/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks UDP by the last digit of its destination port; samples what goes to
 * port 7007, which it drops. */
#include <toami/bpf.h>

#define UDP 17

struct headers {
	struct toami_eth eth;
	struct toami_ip4 ip;
	struct toami_udp udp;
} __attribute__((packed));

SECTION("tx") int marker(struct toami_packet *p)
{
	struct headers *h = (void *)p->data;
	u16 port;

	if ((unsigned char *)(h + 1) > p->data_end ||
	    h->ip.version_words != 0x45 || h->ip.protocol != UDP)
		return TOAMI_PASS;
	port = toami_be16(h->udp.to);
	if (port == 7007)
		return TOAMI_DROP | TOAMI_SAMPLE;
	p->mark = port % 10;
	return TOAMI_PASS;
}
