/* SPDX-License-Identifier: BSD-2-Clause */
/* For exec_refused: linked statically. */
int main(void)
{
	return 0;
}
