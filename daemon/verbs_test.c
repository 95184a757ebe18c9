/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests and their answers, over a whole daemon that nobody runs. */
#include "daemon/verbs.h"
#include "daemon/tree.h"
#include "daemon/members.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/toami-test-XXXXXX";
static struct options options = { .dir = dir,
				  .subnet4 = POOL_SUBNET4,
				  .subnet6 = POOL_SUBNET6,
				  .max_vifs = 8 };

static int make(void **state)
{
	struct refusal why;

	*state = daemon_new(&options, &why);
	return *state ? 0 : -1;
}

static int drop(void **state)
{
	daemon_free(*state);
	return 0;
}

/* Asks, and compares the answer with a shell pattern. */
static void ask(void **state, const char *request, const char *pattern)
{
	struct peer peer = { .pid = getpid(), .uid = geteuid() };
	char *text = verbs_answer(*state, &peer, request, strlen(request));

	assert_non_null(text);
	if (fnmatch(pattern, text, 0))
		fail_msg("%s\n  gives    %s\n  expected %s", request, text,
			 pattern);
	free(text);
}

static void answers_bad_requests(void **state)
{
	ask(state, "", "{\"error\":{\"code\":\"bad-request\",\"exit\":64,*}}");
	ask(state, "{", "{\"error\":*bad-request*}");
	ask(state, "[]", "{\"error\":*not a JSON object*}");
	ask(state, "{\"verb\":7}", "{\"error\":*'verb'*must be a string*}");
	ask(state, "{\"verb\":\"fly\"}", "{\"error\":*no verb 'fly'*}");
	ask(state, "{\"id\":[1]}", "{\"id\":?1?,\"error\":*}");
	ask(state, "{\"verb\":\"vif.add\"}", "*lacks the path*");
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/a\\u0000b\"}",
	    "{\"error\":*}");
	ask(state, "{\"verb\":\"vif.ls\",\"protocol\":2}",
	    "{\"error\":{\"code\":\"version\",*}}");
	ask(state, "{\"verb\":\"version\",\"protocol\":2}", "{\"result\":*}");
	ask(state, "{\"verb\":\"ss\",\"path\":\"/none\"}", "*unknown-vif*");
	ask(state, "{\"verb\":\"nstat\",\"path\":7}", "*must be a string*");
}

/* The gateway's own are there from the start. */
static void lists_sockets_and_counters(void **state)
{
	ask(state, "{\"verb\":\"ss\"}",
	    "{\"result\":{\"sockets\":[[]*\"state\":\"LISTEN\"*\"left_out\":0}"
	    "}");
	ask(state, "{\"verb\":\"nstat\"}",
	    "{\"result\":{\"hosts\":[[][]],\"counters\":{\"Ip\":{"
	    "\"InReceives\":*");
	ask(state, "{\"verb\":\"nstat\",\"each\":true}",
	    "{\"result\":{\"hosts\":[[]{\"vif\":\"/\",*");
}

static void hands_out_addresses(void **state)
{
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/a\"}",
	    "*\"address\":\"10.77.0.2\",\"address6\":\"fd77:746f:616d::2\"*");
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/a\"}", "*vif-exists*");
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/a\",\"keep\":true}",
	    "*10.77.0.2*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/b\",\"address\":\"10.77.0.3\"}",
	    "*10.77.0.3*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/c\",\"address\":\"10.77.0.3\"}",
	    "*address-taken*taken by VIF /b*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/"
	    "c\",\"address\":\"fd77:746f:616d::77\"}",
	    "*\"address\":\"10.77.0.4\",\"address6\":\"fd77:746f:616d::77\"*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/d\",\"address\":\"10.9.0.3\"}",
	    "*bad-address*10.77.0.0/16*");
	ask(state, "{\"verb\":\"vif.show\",\"path\":\"/d\"}",
	    "*unknown-vif*/d*");
	/* A freed address is handed out again. */
	ask(state, "{\"verb\":\"vif.rm\",\"path\":\"/a\"}", "{\"result\":{}}");
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/e\"}", "*10.77.0.2*");
}

static void lanes_share(void **state)
{
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/a/b/c\"}",
	    "*\"address\":null*\"lane_of\":\"/a\"*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/a/own\",\"address\":\"auto\"}",
	    "*\"address\":\"10.77.0.3\"*\"lane_of\":null*");
	ask(state, "{\"verb\":\"vif.rm\",\"path\":\"/a\"}", "*vif-busy*");
	ask(state, "{\"verb\":\"vif.rm\",\"path\":\"/a\",\"recursive\":true}",
	    "{\"result\":{}}");
	ask(state, "{\"verb\":\"vif.ls\"}",
	    "{\"result\":{\"vifs\":[[]{\"path\":\"/\"*}[]]}}");
	ask(state, "{\"verb\":\"vif.rm\",\"path\":\"/\"}", "*root*stays*");
}

static void a_full_table_takes_nothing_half(void **state)
{
	/* 7 VIFs at most; the root is one of them. */
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/a/b/c/d\"}",
	    "{\"result\":*");
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/x/y/z\"}",
	    "*table-full*no more than 7 VIFs*");
	ask(state, "{\"verb\":\"vif.show\",\"path\":\"/x\"}", "*unknown-vif*");
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/x/y\"}", "{\"result\":*");
	ask(state, "{\"verb\":\"status\"}", "*\"vifs\":7,\"max_vifs\":7*");
}

static void names_programs_apart(void **state)
{
	struct daemon *d = *state;
	struct refusal why;

	ask(state, "{\"verb\":\"run.prepare\",\"program\":\"python3.11\"}",
	    "*\"path\":\"/python3-11\"*");
	ask(state, "{\"verb\":\"run.prepare\",\"program\":\"-\"}",
	    "*\"path\":\"/_\"*");
	/* As if another process had just been given that VIF. */
	members_claim(d->members, getppid(), tree_find(d, "/python3-11", &why));
	ask(state, "{\"verb\":\"run.prepare\",\"program\":\"python3.11\"}",
	    "*\"path\":\"/python3-11-2\"*");
	ask(state, "{\"verb\":\"run.prepare\",\"path\":\"/python3-11\"}",
	    "*\"path\":\"/python3-11\"*");
	ask(state,
	    "{\"verb\":\"run.prepare\",\"path\":\"/"
	    "python3-11\",\"address\":\"10.77.9.9\"}",
	    "*vif-exists*10.77.0.2*");
}

/* Texts that stay while another goes, and the other way round. */
static void takes_filters_away(void **state)
{
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/f\",\"set\":"
	    "{\"filter\":\"tcp\",\"filter-in\":\"udp\",\"flow\":null}}",
	    "*\"filter\":\"tcp\",\"filter-in\":\"udp\"}*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/f\",\"set\":"
	    "{\"filter\":\"none\"}}",
	    "*\"set\":{\"filter-in\":\"udp\"}*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/f\",\"set\":"
	    "{\"filter-in\":\"tcp\"}}",
	    "*\"set\":{\"filter-in\":\"tcp\"}*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/f\",\"set\":"
	    "{\"filter-in\":null}}",
	    "*\"set\":{}*");
}

/* Lines build on each other, for load and for its diff. */
static void loads_lines(void **state)
{
	static const char file[] =
		"vif add -a 10.77.0.9,fd77:746f:616d::abcd /w rate=2mbit\\n"
		"vif mv /w /v\\nvif set /v rate=3mbit 'filter=tcp port 80'\\n"
		"vif add /w\\n";
	char request[512];

	snprintf(request, sizeof(request),
		 "{\"verb\":\"load\",\"diff\":true,\"text\":\"%s\"}", file);
	ask(state, request,
	    "*\"+ /w 10.77.0.9,fd77:746f:616d::abcd\",\"~ /w rate none -> "
	    "2mbit\",\"> /w /v\",\"~ /v rate 2mbit -> 3mbit\",*\"+ /w\"]*");
	ask(state, "{\"verb\":\"vif.show\",\"path\":\"/w\"}", "*unknown-vif*");
	snprintf(request, sizeof(request),
		 "{\"verb\":\"load\",\"text\":\"%sport add tap -n x /v\"}",
		 file);
	ask(state, request, "*no-interface*line 5: *of interface x came*");
	ask(state, "{\"verb\":\"save\"}", "{\"result\":{\"text\":\"\"}}");
	snprintf(request, sizeof(request),
		 "{\"verb\":\"load\",\"text\":\"%s\"}", file);
	ask(state, request, "*\"made\":2,\"changed\":1,\"moved\":1*");
	ask(state, "{\"verb\":\"save\"}",
	    "*\"vif add -a 10.77.0.9,fd77:746f:616d::abcd /v rate=3mbit "
	    "filter=*tcp port 80*vif add -a 10.77.0.2 /w*");
}

static void sets_properties(void **state)
{
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/a\",\"set\":{\"rate\":"
	    "\"100mbit\",\"min\":10000000}}",
	    "*\"set\":{\"rate\":100000000,\"min\":10000000}*");
	/* All or nothing. */
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/a\",\"set\":{\"weight\":4,"
	    "\"prio\":9}}",
	    "*bad-value*prio of VIF /a must be between 0 and 7*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/a\",\"set\":{\"rate\":[]}}",
	    "*bad-value*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/a\",\"set\":{\"limit\":"
	    "{\"bytes\":5000,\"x\":1}}}",
	    "*bad-value*");
	ask(state, "{\"verb\":\"vif.show\",\"path\":\"/a\"}",
	    "*\"set\":{\"rate\":100000000,\"min\":10000000}*");
	/* A change of some keeps the others; null takes away. */
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/a\",\"set\":{\"rate\":null,"
	    "\"limit\":{\"bytes\":5000,\"ns\":7000000}}}",
	    "*\"set\":{\"min\":10000000,\"limit\":{\"bytes\":5000,\"ns\":"
	    "7000000}}*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/a\",\"set\":{\"min\":\"none\","
	    "\"limit\":\"none\"}}",
	    "*\"set\":{}*");
	/* A VIF whose settings are refused has not been made, nor those above.
	 */
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/b/c\",\"set\":{\"rate\":\"x\"}}",
	    "*bad-value*VIF /b/c*");
	ask(state, "{\"verb\":\"vif.show\",\"path\":\"/b\"}", "*unknown-vif*");
}

static void guarantees_add_up(void **state)
{
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/"
	    "a\",\"set\":{\"min\":\"10mbit\"}}",
	    "{\"result\":*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/a/"
	    "b\",\"set\":{\"min\":\"6mbit\"}}",
	    "{\"result\":*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/a/c\",\"set\":{\"min\":"
	    "\"4.001mbit\"}}",
	    "*guarantee*10.001mbit*min of 10mbit*");
	/* Through one that claims nothing itself. */
	ask(state, "{\"verb\":\"vif.add\",\"path\":\"/a/g\"}", "{\"result\":*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/a/g/d\",\"set\":{\"min\":"
	    "\"5mbit\"}}",
	    "*guarantee*11mbit*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/a/g/d\",\"set\":{\"min\":"
	    "\"4mbit\"}}",
	    "{\"result\":*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/"
	    "a\",\"set\":{\"min\":\"9mbit\"}}",
	    "*guarantee*10mbit*min of 9mbit*");
	/* Where the VIF above has no min, its rate is what it can honour. */
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/a\",\"set\":{\"min\":null,"
	    "\"rate\":\"1gbit\",\"rate-in\":\"8mbit\"}}",
	    "*guarantee*10mbit*rate-in of 8mbit*");
	/* What is removed claims no more. */
	ask(state, "{\"verb\":\"vif.rm\",\"path\":\"/a/b\"}",
	    "{\"result\":{}}");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/"
	    "a\",\"set\":{\"min\":\"4mbit\"}}",
	    "{\"result\":*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/"
	    "a\",\"set\":{\"rate\":\"3mbit\"}}",
	    "*guarantee*4mbit*rate of 3mbit*");
}

/* As ask(), by another user. */
static void ask_as(void **state, uid_t uid, const char *request,
		   const char *pattern)
{
	struct peer peer = { .pid = getpid(), .uid = uid };
	char *text = verbs_answer(*state, &peer, request, strlen(request));

	assert_non_null(text);
	if (fnmatch(pattern, text, 0))
		fail_msg("%s\n  gives    %s\n  expected %s", request, text,
			 pattern);
	free(text);
}

static void owners_rule_below(void **state)
{
	const uid_t uid = 12345;

	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/"
	    "u\",\"set\":{\"owner\":\"12345\","
	    "\"rate\":\"10mbit\",\"quota\":\"children:3,depth:2,queue:10kb\"}}",
	    "*\"owner\":12345*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.set\",\"path\":\"/"
	       "u\",\"set\":{\"rate\":\"1gbit\"}}",
	       "*no-permission*VIF /u*");
	ask_as(state, uid, "{\"verb\":\"vif.rm\",\"path\":\"/u\"}",
	       "*no-permission*");
	ask_as(state, uid, "{\"verb\":\"vif.add\",\"path\":\"/other\"}",
	       "*no-permission*");
	ask_as(state, uid + 1, "{\"verb\":\"vif.add\",\"path\":\"/u/x\"}",
	       "*no-permission*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.add\",\"path\":\"/u/a/b\",\"set\":{\"limit\":"
	       "\"6kb\"}}",
	       "{\"result\":*\"uid\":12345*");
	ask_as(state, uid, "{\"verb\":\"vif.add\",\"path\":\"/u/a/b/c\"}",
	       "*quota*2 levels*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.add\",\"path\":\"/u/c\",\"set\":{\"limit\":"
	       "\"6kb\"}}",
	       "*quota*12kb*10kb*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.set\",\"path\":\"/u/a/b\",\"set\":{\"limit\":"
	       "\"9kb\"}}",
	       "{\"result\":*");
	ask_as(state, uid, "{\"verb\":\"vif.add\",\"path\":\"/u/c/d\"}",
	       "*quota*no more than 3*");
	ask_as(state, uid, "{\"verb\":\"vif.add\",\"path\":\"/u/c\"}",
	       "{\"result\":*");
	ask_as(state, uid, "{\"verb\":\"vif.add\",\"path\":\"/u/e\"}",
	       "*quota*and has 3*");
	ask_as(state, uid, "{\"verb\":\"vif.rm\",\"path\":\"/u/c\"}",
	       "{\"result\":{}}");
	ask_as(state, uid, "{\"verb\":\"vif.add\",\"path\":\"/u/e\"}",
	       "{\"result\":*");
	/* Within what is his own, nothing becomes more. */
	ask_as(state, uid,
	       "{\"verb\":\"vif.mv\",\"path\":\"/u/e\",\"to\":\"/u/a/e\"}",
	       "{\"result\":*");
}

/* What load would refuse, with nothing changed; rights are the asker's. */
static void diff_says_what_is_refused(void **state)
{
	const uid_t uid = 12345;

	ask(state,
	    "{\"verb\":\"load\",\"text\":\"vif add /u rate=10mbit owner=12345 "
	    "quota=children:2,queue:10kb\\nvif add /u/a limit=6kb "
	    "filter=udp\"}",
	    "*\"made\":2*");
	ask(state,
	    "{\"verb\":\"load\",\"diff\":true,\"text\":\"vif set /u/a "
	    "min=20mbit\"}",
	    "*\"changes\":?\"~ /u/a min none -> 20mbit\"?*\"refused\":*"
	    "guarantee*");
	ask_as(state, uid,
	       "{\"verb\":\"load\",\"diff\":true,\"text\":\"vif add /u/b "
	       "limit=6kb\"}",
	       "*refused*quota*12kb*10kb*");
	ask_as(state, uid,
	       "{\"verb\":\"load\",\"diff\":true,\"text\":\"vif set /u "
	       "rate=1gbit\"}",
	       "*refused*no-permission*VIF /u*");
	ask_as(state, uid,
	       "{\"verb\":\"load\",\"diff\":true,\"text\":\"vif set /u/a "
	       "filter=tcp and\"}",
	       "*error*bad-value*");
	ask_as(state, uid,
	       "{\"verb\":\"load\",\"diff\":true,\"text\":\"vif mv /u/a "
	       "/u/b\\nvif set /u/b filter=none limit=9kb\"}",
	       "{\"result\":{\"changes\":?\"> /u/a /u/b\",*\"~ /u/b limit "
	       "6kb -> 9kb\",*\"?}}");
	ask(state, "{\"verb\":\"save\"}",
	    "*vif add -a none /u/a limit=6kb filter=udp?n\"*");
}

/* The daemon knows no names: a request says whom it means. */
static void users_are_numbers(void **state)
{
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/u\",\"set\":{\"owner\":"
	    "\"alice\"}}",
	    "*bad-value*there is no user 'alice' to own VIF /u*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/u\",\"set\":{\"owner\":"
	    "\"alice\"},\"users\":{\"alice\":12345}}",
	    "*\"owner\":12345*");
	ask(state,
	    "{\"verb\":\"load\",\"text\":\"vif set /u owner=bob\","
	    "\"users\":{\"bob\":12346}}",
	    "*\"changed\":1*");
	ask(state, "{\"verb\":\"save\"}", "*owner=12346*");
	ask(state,
	    "{\"verb\":\"load\",\"text\":\"vif set /u owner=eve\","
	    "\"users\":{\"bob\":1}}",
	    "*line 1: there is no user 'eve'*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/u\",\"set\":{\"owner\":"
	    "\"x\"},\"users\":{\"x\":-1}}",
	    "*bad-value*");
	ask(state,
	    "{\"verb\":\"vif.set\",\"path\":\"/u\",\"set\":{\"owner\":"
	    "\"x\"},\"users\":[]}",
	    "*there is no user 'x'*");
}

/* What he has been given in two places is not to be had in one. */
static void owners_move_no_quota(void **state)
{
	const uid_t uid = 12345;

	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/"
	    "v\",\"set\":{\"owner\":\"12345\",\"quota\":\"queue:10kb\"}}",
	    "{\"result\":*");
	ask(state,
	    "{\"verb\":\"vif.add\",\"path\":\"/"
	    "w\",\"set\":{\"owner\":\"12345\"}}",
	    "{\"result\":*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.add\",\"path\":\"/w/a\",\"set\":{\"limit\":"
	       "\"6kb\"}}",
	       "{\"result\":*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.add\",\"path\":\"/w/a/b\",\"set\":{\"limit\":"
	       "\"6kb\"}}",
	       "{\"result\":*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.mv\",\"path\":\"/w/a\",\"to\":\"/v/a\"}",
	       "*quota*12kb*10kb*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.set\",\"path\":\"/w/a/b\",\"set\":{\"limit\":"
	       "\"4kb\"}}",
	       "{\"result\":*");
	ask_as(state, uid,
	       "{\"verb\":\"vif.mv\",\"path\":\"/w/a\",\"to\":\"/v/a\"}",
	       "{\"result\":*");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_bad_requests, make,
						drop),
		cmocka_unit_test_setup_teardown(lists_sockets_and_counters,
						make, drop),
		cmocka_unit_test_setup_teardown(hands_out_addresses, make,
						drop),
		cmocka_unit_test_setup_teardown(lanes_share, make, drop),
		cmocka_unit_test_setup_teardown(a_full_table_takes_nothing_half,
						make, drop),
		cmocka_unit_test_setup_teardown(names_programs_apart, make,
						drop),
		cmocka_unit_test_setup_teardown(sets_properties, make, drop),
		cmocka_unit_test_setup_teardown(takes_filters_away, make, drop),
		cmocka_unit_test_setup_teardown(loads_lines, make, drop),
		cmocka_unit_test_setup_teardown(guarantees_add_up, make, drop),
		cmocka_unit_test_setup_teardown(owners_rule_below, make, drop),
		cmocka_unit_test_setup_teardown(owners_move_no_quota, make,
						drop),
		cmocka_unit_test_setup_teardown(diff_says_what_is_refused, make,
						drop),
		cmocka_unit_test_setup_teardown(users_are_numbers, make, drop),
	};
	char path[64];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	dir_file(dir, "lock", path, sizeof(path));
	unlink(path);
	rmdir(dir);
	return failed;
}
