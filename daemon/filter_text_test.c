/* SPDX-License-Identifier: BSD-2-Clause */
/* What a filter lets through that it does not speak of: frames against
 * expressions, as libpcap understands them. */
#include "daemon/filter_text.h"

#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum kind { ARP, NS, ECHO6, TCP4, UDP6, KINDS };

static const char letter[] = "ANEtu";

/* An Ethernet frame with no more in it than filters here look at. */
static void make(enum kind kind, uint8_t frame[128])
{
	memset(frame, 0, 128);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[14] = 0x60;
	frame[20] = kind == UDP6 ? 17 : 58;
	frame[54] = kind == NS ? 135 : 128;
	if (kind == ARP) {
		frame[12] = 0x08;
		frame[13] = 0x06;
	} else if (kind == TCP4) {
		memset(frame + 12, 0, 116);
		frame[12] = 0x08;
		frame[14] = 0x45;
		frame[23] = 6;
		frame[37] = 80;
	}
}

static const struct {
	const char *text, *passes;
} table[] = {
	{ "tcp port 80", "ANt" },
	{ "tcp port 81", "AN" },
	{ "not tcp", "ANEu" },
	{ "ip", "ANt" },
	{ "(tcp) or (udp)", "ANtu" },
	/* Who speaks of them decides. */
	{ "arp or tcp port 80", "ANt" },
	{ "not arp", "NEtu" },
	{ "not icmp6", "Atu" },
	{ "icmp6", "ANE" },
	{ "not arp and not icmp6", "tu" },
	{ "ether proto 0x800", "t" },
	{ "tcp or ether host 1:2:3:4:5:6", "t" },
	/* A name that only contains theirs. */
	{ "tcp port 80 and not host 1.2.3.4", "ANt" },
};

static bool matches(const char *expression, enum kind kind)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 65535);
	struct bpf_program program;
	uint8_t frame[128];
	struct pcap_pkthdr h = { .caplen = sizeof(frame),
				 .len = sizeof(frame) };
	bool yes;

	if (pcap_compile(p, &program, expression, 1, 0))
		fail_msg("%s: %s", expression, pcap_geterr(p));
	make(kind, frame);
	yes = pcap_offline_filter(&program, &h, frame) != 0;
	pcap_freecode(&program);
	pcap_close(p);
	return yes;
}

static void lets_neighbours_be_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *meant = filter_text(table[i].text), got[KINDS + 1];
		size_t n = 0;

		for (enum kind k = 0; k < KINDS; k++)
			if (matches(meant, k))
				got[n++] = letter[k];
		got[n] = 0;
		if (strcmp(got, table[i].passes) != 0)
			fail_msg("%s passes %s", table[i].text, got);
		free(meant);
	}
}

/* What is wrong stays wrong, and what is empty, empty. */
static void changes_no_nonsense(void **state)
{
	static const char *const text[] = { "",	    "  ",    "tcp) or (udp",
					    "(tcp", "tcp))", ")(" };

	(void)state;
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		char *meant = filter_text(text[i]);

		assert_string_equal(meant, text[i]);
		free(meant);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lets_neighbours_be_found),
		cmocka_unit_test(changes_no_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
