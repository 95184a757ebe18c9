/* SPDX-License-Identifier: BSD-2-Clause */
/* toami doctor */
#include "cli/cli.h"

int cli_doctor(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_complain(EX_UNAVAILABLE, "doctor is not there yet");
}
