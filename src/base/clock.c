#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t boot_shift_ms;
static _Atomic int64_t wall_shift_ms;

static int64_t read_us(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_us(void) {
    return read_us(CLOCK_BOOTTIME) + atomic_load_explicit(&boot_shift_ms, memory_order_relaxed) * 1000;
}

int64_t clock_ms(void) {
    return clock_us() / 1000;
}

int64_t clock_wall_ms(void) {
    return read_us(CLOCK_REALTIME) / 1000 + atomic_load_explicit(&wall_shift_ms, memory_order_relaxed);
}

void clock_test_shift(int64_t boot_ms, int64_t wall_ms) {
    atomic_store(&boot_shift_ms, boot_ms);
    atomic_store(&wall_shift_ms, wall_ms);
}

const char *time_format(int64_t wall_ms, char *text) {
    time_t seconds = (time_t)(wall_ms / 1000);
    int millis = (int)(wall_ms % 1000);
    if (millis < 0) {
        millis += 1000;
        seconds -= 1;
    }
    struct tm parts = {0};
    gmtime_r(&seconds, &parts);
    snprintf(text, TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (parts.tm_year + 1900) % 10000,
             parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, millis);
    return text;
}

const char *time_now(char *text) {
    return time_format(clock_wall_ms(), text);
}

/* Two or four digits; moves *p. Returns -1 when they are not there. */
static int digits(const char **p, int count) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        char c = (*p)[i];
        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    *p += count;
    return value;
}

static bool literal(const char **p, char c) {
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool parse_fraction(const char **p, int *ret_millis) {
    *ret_millis = 0;
    if (**p != '.')
        return true;
    (*p)++;
    int scale = 100, count = 0;
    while (**p >= '0' && **p <= '9' && count < 9) {
        *ret_millis += (**p - '0') * scale;
        scale /= 10;
        (*p)++;
        count++;
    }
    return count > 0;
}

static bool parse_offset(const char **p, int *ret_minutes) {
    *ret_minutes = 0;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    int sign = **p == '-' ? -1 : **p == '+' ? 1 : 0;
    if (!sign)
        return false;
    (*p)++;
    int hours = digits(p, 2);
    if (hours < 0 || hours > 23 || !literal(p, ':'))
        return false;
    int minutes = digits(p, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool time_parse(const char *text, int64_t *ret_wall_ms) {
    const char *p = text;
    struct tm parts = {0};
    int year = digits(&p, 4);
    if (year < 0 || !literal(&p, '-'))
        return false;
    int month = digits(&p, 2);
    if (month < 1 || month > 12 || !literal(&p, '-'))
        return false;
    int day = digits(&p, 2);
    if (day < 1 || day > 31 || (*p != 'T' && *p != 't'))
        return false;
    p++;
    int hour = digits(&p, 2);
    if (hour < 0 || hour > 23 || !literal(&p, ':'))
        return false;
    int minute = digits(&p, 2);
    if (minute < 0 || minute > 59 || !literal(&p, ':'))
        return false;
    int second = digits(&p, 2);
    int millis, offset;
    if (second < 0 || second > 60 || !parse_fraction(&p, &millis) || !parse_offset(&p, &offset) || *p)
        return false;
    parts = (struct tm){.tm_year = year - 1900,
                        .tm_mon = month - 1,
                        .tm_mday = day,
                        .tm_hour = hour,
                        .tm_min = minute,
                        .tm_sec = second};
    time_t seconds = timegm(&parts);
    if (parts.tm_mday != day) /* 31 February */
        return false;
    *ret_wall_ms = ((int64_t)seconds - offset * 60) * 1000 + millis;
    return true;
}
