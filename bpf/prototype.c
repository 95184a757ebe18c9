/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of helpers; see helper.h. */
#include "bpf/helper.h"

static const struct bpf_prototype table[BPF_HELPERS] = {
	[BPF_HELPER_MAP_FIND] = { "toami_map_find",
				  { BPF_ARG_MAP, BPF_ARG_KEY },
				  BPF_RESULT_VALUE_OR_NULL,
				  0,
				  60 },
	[BPF_HELPER_MAP_SET] = { "toami_map_set",
				 { BPF_ARG_MAP, BPF_ARG_KEY, BPF_ARG_VALUE,
				   BPF_ARG_NUMBER },
				 BPF_RESULT_NUMBER,
				 0,
				 150 },
	[BPF_HELPER_MAP_DELETE] = { "toami_map_delete",
				    { BPF_ARG_MAP, BPF_ARG_KEY },
				    BPF_RESULT_NUMBER,
				    0,
				    150 },
	[BPF_HELPER_NOW] = { "toami_now_ns", { 0 }, BPF_RESULT_NUMBER, 0, 30 },
	[BPF_HELPER_RANDOM] = { "toami_random",
				{ 0 },
				BPF_RESULT_NUMBER,
				0,
				10 },
	[BPF_HELPER_LOAD] = { "toami_load",
			      { BPF_ARG_PACKET, BPF_ARG_NUMBER, BPF_ARG_TO,
				BPF_ARG_SIZE },
			      BPF_RESULT_NUMBER,
			      0,
			      60 },
	[BPF_HELPER_STORE] = { "toami_store",
			       { BPF_ARG_PACKET, BPF_ARG_NUMBER, BPF_ARG_FROM,
				 BPF_ARG_SIZE },
			       BPF_RESULT_NUMBER,
			       1,
			       120 },
	[BPF_HELPER_REDIRECT] = { "toami_redirect",
				  { BPF_ARG_PACKET, BPF_ARG_NUMBER },
				  BPF_RESULT_NUMBER,
				  0,
				  5 },
};

const struct bpf_prototype *bpf_prototype(int32_t number)
{
	return number > 0 && number < BPF_HELPERS ? &table[number] : NULL;
}
