/* What every cmocka test needs first. */
#ifndef SS_TESTS_UNIT_TEST_H
#define SS_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
