/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes that programs write: those of a stream follow from its salt, and
 * lie ready, so that writing is copying and checking is comparing.
 */
#ifndef TOAMI_TESTS_SIM_STREAM_H
#define TOAMI_TESTS_SIM_STREAM_H

#include <stdint.h>

/* A prime: no power of two, as a buffer's size would be, brings the same again.
 */
#define STREAM_PERIOD 1048573u
#define STREAM_AHEAD  131072u

/* stream_at - byte @at of the stream @salt, and STREAM_AHEAD more behind it */
const uint8_t *stream_at(uint32_t salt, uint64_t at);

#endif
