#include "base/units.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LENGTH_MAX 24

/* Splits "1.5Gi" into 1.5 and "Gi". False when there is no plain decimal in front. */
static bool split_number(const char *text, double *ret, const char **suffix) {
    if (!text || strnlen(text, NUMBER_LENGTH_MAX + 1) > NUMBER_LENGTH_MAX || !isdigit((unsigned char)text[0]))
        return false;
    size_t span = strspn(text, "0123456789");
    if (text[span] == '.') {
        size_t fraction = strspn(text + span + 1, "0123456789");
        if (!fraction)
            return false;
        span += 1 + fraction;
    }
    char number[NUMBER_LENGTH_MAX + 1];
    memcpy(number, text, span);
    number[span] = '\0';
    *ret = strtod(number, NULL);
    *suffix = text + span;
    return true;
}

bool cpu_parse(const char *text, int64_t *ret_millis) {
    double value;
    const char *suffix;
    if (!split_number(text, &value, &suffix))
        return false;
    if (*suffix == '\0')
        value *= 1000;
    else if (strcmp(suffix, "m") != 0)
        return false;
    value = ceil(value - 1e-9);
    if (value > 1e9)
        return false;
    *ret_millis = (int64_t)value;
    return true;
}

const char *cpu_format(int64_t millis, char *text) {
    if (millis % 1000)
        snprintf(text, UNITS_TEXT_SIZE, "%" PRId64 "m", millis);
    else
        snprintf(text, UNITS_TEXT_SIZE, "%" PRId64, millis / 1000);
    return text;
}

static const struct {
    const char *suffix;
    double factor;
} byte_units[] = {
    {"", 1},
    {"Ki", 1024.0},
    {"Mi", 1048576.0},
    {"Gi", 1073741824.0},
    {"Ti", 1099511627776.0},
    {"k", 1000.0},
    {"M", 1000000.0},
    {"G", 1e9},
    {"T", 1e12},
    {"P", 1e15},
    {"Pi", 1125899906842624.0},
};

bool bytes_parse(const char *text, int64_t *ret_bytes) {
    double value;
    const char *suffix;
    if (!split_number(text, &value, &suffix))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(byte_units); i++) {
        if (strcmp(suffix, byte_units[i].suffix) != 0)
            continue;
        value = ceil(value * byte_units[i].factor);
        if (value > 9e15)
            return false;
        *ret_bytes = (int64_t)value;
        return true;
    }
    return false;
}

const char *bytes_format(int64_t bytes, char *text) {
    static const char *const suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
    size_t unit = 0;
    while (bytes && bytes % 1024 == 0 && unit + 1 < ARRAY_SIZE(suffixes)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, UNITS_TEXT_SIZE, "%" PRId64 "%s", bytes, suffixes[unit]);
    return text;
}

static int64_t duration_unit(char c) {
    switch (c) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    default:
        return 0;
    }
}

bool duration_parse(const char *text, int64_t *ret_seconds) {
    const int64_t max = INT64_C(10) * 366 * 86400;
    if (!text || !*text)
        return false;
    if (strcmp(text, "0") == 0) {
        *ret_seconds = 0;
        return true;
    }
    int64_t total = 0;
    while (*text) {
        if (!isdigit((unsigned char)*text))
            return false;
        int64_t number = 0;
        while (isdigit((unsigned char)*text)) {
            number = number * 10 + (*text++ - '0');
            if (number > max)
                return false;
        }
        int64_t unit = duration_unit(*text);
        if (!unit)
            return false;
        text++;
        total += number * unit;
        if (total > max)
            return false;
    }
    *ret_seconds = total;
    return true;
}

const char *duration_format(int64_t seconds, char *text) {
    static const struct {
        int64_t size;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    if (seconds <= 0) {
        snprintf(text, UNITS_TEXT_SIZE, "0");
        return text;
    }
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_SIZE(units) && used < UNITS_TEXT_SIZE; i++) {
        int64_t count = seconds / units[i].size;
        seconds %= units[i].size;
        if (count)
            used += (size_t)snprintf(text + used, UNITS_TEXT_SIZE - used, "%" PRId64 "%c", count,
                                     units[i].letter);
    }
    return text;
}
