/// AVX-512 with VBMI and VBMI2: 64 bytes a vector, and look-ups of 128 entries, so that one instruction classifies a block.
#include "frame_masks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)

#define ALWAYS static inline __attribute__((always_inline))

typedef struct wide_table {
    __m512i low, high;
} wide_table;

typedef struct kernel_state {
    wide_table block, next, code[4], fragments[PM_BUCKET_SETS][PM_POSITIONS];
} kernel_state;

ALWAYS wide_table wide(const uint8_t *bytes) { return (wide_table){_mm512_loadu_si512(bytes), _mm512_loadu_si512(bytes + 64)}; }

/// Entries by the low seven bits of each byte.
ALWAYS __m512i look_up(wide_table table, __m512i index) { return _mm512_permutex2var_epi8(table.low, index, table.high); }

ALWAYS uint64_t bits(__m512i v, int bit) { return _mm512_test_epi8_mask(v, _mm512_set1_epi8((char)bit)); }

ALWAYS kernel_state prepare(const pm_tables *tables) {
    kernel_state state;
    state.block = wide(pm_block_class);
    state.next = wide(pm_next_class);
    for (int i = 0; i < 4; i++) state.code[i] = wide(pm_code_class[i]);
    for (int set = 0; set < PM_BUCKET_SETS; set++) {
        for (int i = 0; i < PM_POSITIONS; i++) state.fragments[set][i] = wide(tables->full[set][i]);
    }
    return state;
}

ALWAYS block_masks classify(const kernel_state *state, const uint8_t *p) {
    __m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + 1), c = _mm512_loadu_si512(p + 2), d = _mm512_loadu_si512(p + 3);
    uint64_t ascii = _mm512_testn_epi8_mask(a, _mm512_set1_epi8((char)0x80));
    __m512i class = _mm512_maskz_mov_epi8(ascii, look_up(state->block, a));
    block_masks masks;
    masks.token = bits(class, PM_BLOCK_TOKEN);
    masks.alnum = bits(class, PM_BLOCK_ALNUM);
    masks.places = bits(_mm512_and_si512(class, look_up(state->next, b)), PM_BLOCK_PLACE);
    __m512i any = _mm512_setzero_si512();
    for (int set = 0; set < PM_BUCKET_SETS; set++) {
        const wide_table *t = state->fragments[set];
        __m512i ab = _mm512_and_si512(look_up(t[0], a), look_up(t[1], b)), cd = _mm512_and_si512(look_up(t[2], c), look_up(t[3], d));
        any = _mm512_ternarylogic_epi64(any, ab, cd, 0xf8);  // any | (ab & cd)
    }
    masks.fragments = _mm512_test_epi8_mask(any, any);
    __m512i code = _mm512_and_si512(
        _mm512_and_si512(look_up(state->code[0], a), look_up(state->code[1], b)),
        _mm512_and_si512(look_up(state->code[2], c), look_up(state->code[3], d)));
    // Bytes beyond ASCII look like others to the look-ups.
    __m512i two = _mm512_or_si512(a, b), four = _mm512_or_si512(two, _mm512_or_si512(c, d));
    const __m512i beyond = _mm512_set1_epi8((char)0x80);
    masks.groups = bits(code, PM_CODE_GROUP) & _mm512_testn_epi8_mask(four, beyond);
    masks.pairs = bits(code, PM_CODE_PAIR) & _mm512_testn_epi8_mask(two, beyond);
    masks.operators = bits(class, PM_BLOCK_OPERATOR);
    masks.skipped = bits(class, PM_BLOCK_SKIPPED);
    return masks;
}

ALWAYS shape_masks shape(const kernel_state *state, const uint8_t *p) {
    (void)state;
    __m512i v = _mm512_loadu_si512(p);
    uint64_t ascii = _mm512_testn_epi8_mask(v, _mm512_set1_epi8((char)0x80));
    __m512i class = _mm512_maskz_mov_epi8(ascii, look_up(wide(pm_shape_class), v));
    return (shape_masks){
        bits(class, PM_SHAPE_NAME), bits(class, PM_SHAPE_CLOSER), bits(class, PM_SHAPE_BLANK), bits(class, PM_SHAPE_LETTER),
        bits(class, PM_SHAPE_UPPER), bits(class, PM_SHAPE_ALNUM), bits(class, PM_SHAPE_LINE_FEED),
    };
}

ALWAYS value_masks value(const kernel_state *state, const uint8_t *p) {
    (void)state;
    __m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + 1);
    uint64_t ascii = _mm512_testn_epi8_mask(a, _mm512_set1_epi8((char)0x80));
    __m512i class = _mm512_maskz_mov_epi8(ascii, look_up(wide(pm_value_class), a));
    // The row of the first letter, its byte by the second letter's high bits, the bit of that byte by its low three.
    __m512i five = _mm512_set1_epi8(31), place = _mm512_slli_epi16(_mm512_and_si512(b, _mm512_set1_epi8(0x18)), 2);
    __m512i rows = look_up(wide(pm_pair_rows), _mm512_or_si512(_mm512_and_si512(a, five), place));
    __m512i bit = _mm512_shuffle_epi8(_mm512_set1_epi64((long long)0x8040201008040201ull), _mm512_and_si512(b, _mm512_set1_epi8(7)));
    return (value_masks){
        bits(class, PM_VALUE_LETTER), bits(class, PM_VALUE_UPPER), bits(class, PM_VALUE_DIGIT),
        bits(class, PM_VALUE_HEX), bits(class, PM_VALUE_DOT), _mm512_test_epi8_mask(rows, bit),
    };
}

/// Appends the places of the bits of `mask`, offset by `base`, to a list with room for 64 more; returns the new count.
ALWAYS uint32_t append_bits(uint16_t *list, uint32_t count, uint64_t mask, unsigned base) {
    static const uint8_t places[BLOCK] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    __m512i chosen = _mm512_maskz_compress_epi8(mask, _mm512_loadu_si512(places)), offset = _mm512_set1_epi16((short)base);
    uint32_t n = (uint32_t)__builtin_popcountll(mask);
    uint16_t *p = list + count;
    // Most masks have few bits, and a narrow store costs half of a wide one.
    _mm256_storeu_si256((__m256i *)p, _mm256_add_epi16(_mm256_cvtepu8_epi16(_mm512_castsi512_si128(chosen)), _mm512_castsi512_si256(offset)));
    if (__builtin_expect(n > 16, 0)) {
        _mm512_storeu_si512(p, _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(chosen)), offset));
        _mm512_storeu_si512(p + 32, _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(chosen, 1)), offset));
    }
    return count + n;
}

#define PM_SCAN pm_scan_avx512
#include "frame.h"

#pragma clang attribute pop
#endif
