/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests and their answers, over a whole daemon that nobody runs. */
#include "daemon/verbs.h"
#include "daemon/hosts.h"
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
	members_claim(d->members, getppid(),
		      hosts_find(d, "/python3-11", &why));
	ask(state, "{\"verb\":\"run.prepare\",\"program\":\"python3.11\"}",
	    "*\"path\":\"/python3-11-2\"*");
	ask(state, "{\"verb\":\"run.prepare\",\"path\":\"/python3-11\"}",
	    "*\"path\":\"/python3-11\"*");
	ask(state,
	    "{\"verb\":\"run.prepare\",\"path\":\"/"
	    "python3-11\",\"address\":\"10.77.9.9\"}",
	    "*vif-exists*10.77.0.2*");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_bad_requests, make,
						drop),
		cmocka_unit_test_setup_teardown(hands_out_addresses, make,
						drop),
		cmocka_unit_test_setup_teardown(lanes_share, make, drop),
		cmocka_unit_test_setup_teardown(a_full_table_takes_nothing_half,
						make, drop),
		cmocka_unit_test_setup_teardown(names_programs_apart, make,
						drop),
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
