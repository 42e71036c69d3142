#include "agent/local/net_rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

/* The filter, as `nft list ruleset` shows it:
 *
 *   table inet streamspace {
 *     chain refuse { meta l4proto tcp reject with tcp reset; reject with icmpx admin-prohibited }
 *     chain host { ip daddr 192.0.2.2 goto refuse … }
 *     chain out {
 *       type filter hook output priority filter; policy accept;
 *       oif lo accept
 *       ip daddr 169.254.127.53 udp dport 53 accept
 *       icmpv6 type { router-solicit, neighbour-solicit, neighbour-advert } accept   (the kernel's own)
 *       ip daddr { 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255 } goto refuse
 *       ip6 daddr { fe80::/10, ff00::/8 } goto refuse
 *       jump host
 *     }
 *   }
 */
#define TABLE "streamspace"
#define CHAIN_OUT "out"
#define CHAIN_HOST "host"
#define CHAIN_REFUSE "refuse"
#define LOOPBACK_INDEX 1 /* in every network namespace */
#define DNS_PORT 53

static void put(struct strbuf *script, unsigned type, const void *data, size_t length) {
    struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + length), .nla_type = (uint16_t)type};
    static const char zeros[NLA_ALIGNTO] = {0};
    strbuf_append(script, &attribute, sizeof attribute);
    strbuf_append(script, data, length);
    strbuf_append(script, zeros, NLA_ALIGN(length) - length);
}

static void put_text(struct strbuf *script, unsigned type, const char *text) {
    put(script, type, text, strlen(text) + 1);
}

static void put_number(struct strbuf *script, unsigned type, uint32_t number) {
    uint32_t big_endian = htonl(number);
    put(script, type, &big_endian, sizeof big_endian);
}

/* Attributes within an attribute: the length is known at the end. */
static size_t begin(struct strbuf *script, unsigned type) {
    size_t at = script->length;
    put(script, type | NLA_F_NESTED, NULL, 0);
    return at;
}

static void end(struct strbuf *script, size_t at) {
    uint16_t length = (uint16_t)(script->length - at);
    if (!script->overflow)
        memcpy(script->data + at, &length, sizeof length);
}

static size_t begin_message(struct strbuf *script, unsigned type, unsigned flags, int family,
                            uint16_t resource) {
    size_t at = script->length;
    struct nlmsghdr header = {.nlmsg_type = (uint16_t)type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)};
    struct nfgenmsg body = {
        .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0, .res_id = htons(resource)};
    strbuf_append(script, &header, sizeof header);
    strbuf_append(script, &body, sizeof body);
    return at;
}

static void end_message(struct strbuf *script, size_t at) {
    uint32_t length = (uint32_t)(script->length - at);
    if (!script->overflow)
        memcpy(script->data + at, &length, sizeof length);
}

/* Every message is answered, so that a refusal does not go unseen. */
static size_t begin_change(struct strbuf *script, unsigned message, unsigned flags) {
    return begin_message(script, NFNL_SUBSYS_NFTABLES << 8 | message, NLM_F_ACK | flags, NFPROTO_INET, 0);
}

static void put_frame(struct strbuf *script, unsigned type) {
    end_message(script, begin_message(script, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static void put_table(struct strbuf *script) {
    size_t message = begin_change(script, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    put_text(script, NFTA_TABLE_NAME, TABLE);
    end_message(script, message);
}

static void put_chain(struct strbuf *script, const char *name, bool base) {
    size_t message = begin_change(script, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    put_text(script, NFTA_CHAIN_TABLE, TABLE);
    put_text(script, NFTA_CHAIN_NAME, name);
    if (base) {
        size_t hook = begin(script, NFTA_CHAIN_HOOK);
        put_number(script, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
        put_number(script, NFTA_HOOK_PRIORITY, 0);
        end(script, hook);
        put_text(script, NFTA_CHAIN_TYPE, "filter");
        put_number(script, NFTA_CHAIN_POLICY, NF_ACCEPT);
    }
    end_message(script, message);
}

/* An expression's two attributes, around what is its own. */
struct expression {
    size_t element, data;
};

static struct expression begin_expression(struct strbuf *script, const char *name) {
    struct expression expression = {.element = begin(script, NFTA_LIST_ELEM)};
    put_text(script, NFTA_EXPR_NAME, name);
    expression.data = begin(script, NFTA_EXPR_DATA);
    return expression;
}

static void end_expression(struct strbuf *script, struct expression expression) {
    end(script, expression.data);
    end(script, expression.element);
}

static void put_value(struct strbuf *script, unsigned type, const void *value, size_t length) {
    size_t nested = begin(script, type);
    put(script, NFTA_DATA_VALUE, value, length);
    end(script, nested);
}

/* "… equals": what was loaded into register 1. */
static void put_equals(struct strbuf *script, const void *value, size_t length) {
    struct expression compare = begin_expression(script, "cmp");
    put_number(script, NFTA_CMP_SREG, NFT_REG_1);
    put_number(script, NFTA_CMP_OP, NFT_CMP_EQ);
    put_value(script, NFTA_CMP_DATA, value, length);
    end_expression(script, compare);
}

static void match_meta(struct strbuf *script, unsigned key, const void *value, size_t length) {
    struct expression meta = begin_expression(script, "meta");
    put_number(script, NFTA_META_DREG, NFT_REG_1);
    put_number(script, NFTA_META_KEY, key);
    end_expression(script, meta);
    put_equals(script, value, length);
}

static void load_payload(struct strbuf *script, unsigned base, unsigned offset, size_t length) {
    struct expression payload = begin_expression(script, "payload");
    put_number(script, NFTA_PAYLOAD_DREG, NFT_REG_1);
    put_number(script, NFTA_PAYLOAD_BASE, base);
    put_number(script, NFTA_PAYLOAD_OFFSET, offset);
    put_number(script, NFTA_PAYLOAD_LEN, (uint32_t)length);
    end_expression(script, payload);
}

static void match_family(struct strbuf *script, int family) {
    unsigned char protocol = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
    match_meta(script, NFT_META_NFPROTO, &protocol, sizeof protocol);
}

/* Destination within prefix/bits. */
static void match_destination(struct strbuf *script, int family, const unsigned char *prefix, unsigned bits) {
    unsigned offset = family == AF_INET ? 16 : 24; /* RFC 791 and RFC 8200: where the destination stands */
    size_t length = family == AF_INET ? 4 : 16;
    match_family(script, family);
    load_payload(script, NFT_PAYLOAD_NETWORK_HEADER, offset, length);
    if (bits < 8 * length) {
        unsigned char mask[16] = {0}, none[16] = {0};
        for (unsigned bit = 0; bit < bits; bit++)
            mask[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
        struct expression bitwise = begin_expression(script, "bitwise");
        put_number(script, NFTA_BITWISE_SREG, NFT_REG_1);
        put_number(script, NFTA_BITWISE_DREG, NFT_REG_1);
        put_number(script, NFTA_BITWISE_LEN, (uint32_t)length);
        put_value(script, NFTA_BITWISE_MASK, mask, length);
        put_value(script, NFTA_BITWISE_XOR, none, length);
        end_expression(script, bitwise);
    }
    put_equals(script, prefix, length);
}

static void put_verdict(struct strbuf *script, int code, const char *chain) {
    struct expression immediate = begin_expression(script, "immediate");
    put_number(script, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = begin(script, NFTA_IMMEDIATE_DATA);
    size_t verdict = begin(script, NFTA_DATA_VERDICT);
    put_number(script, NFTA_VERDICT_CODE, (uint32_t)code);
    if (chain)
        put_text(script, NFTA_VERDICT_CHAIN, chain);
    end(script, verdict);
    end(script, data);
    end_expression(script, immediate);
}

struct rule {
    size_t message, expressions;
};

static struct rule begin_rule(struct strbuf *script, const char *chain) {
    struct rule rule = {.message = begin_change(script, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND)};
    put_text(script, NFTA_RULE_TABLE, TABLE);
    put_text(script, NFTA_RULE_CHAIN, chain);
    rule.expressions = begin(script, NFTA_RULE_EXPRESSIONS);
    return rule;
}

static void end_rule(struct strbuf *script, struct rule rule) {
    end(script, rule.expressions);
    end_message(script, rule.message);
}

/* The application hears at once that it may not. TCP by a reset: an ICMP error that comes while it is still
 * in connect() counts only from the second attempt, a second later. */
static void make_refusal(struct strbuf *script) {
    unsigned char protocol = IPPROTO_TCP, code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
    struct rule reset = begin_rule(script, CHAIN_REFUSE);
    match_meta(script, NFT_META_L4PROTO, &protocol, sizeof protocol);
    struct expression reject = begin_expression(script, "reject");
    put_number(script, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
    end_expression(script, reject);
    end_rule(script, reset);
    struct rule other = begin_rule(script, CHAIN_REFUSE);
    reject = begin_expression(script, "reject");
    put_number(script, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
    put(script, NFTA_REJECT_ICMP_CODE, &code, sizeof code);
    end_expression(script, reject);
    end_rule(script, other);
}

static void allow_loopback(struct strbuf *script) {
    uint32_t index = LOOPBACK_INDEX; /* in the machine's byte order */
    struct rule rule = begin_rule(script, CHAIN_OUT);
    match_meta(script, NFT_META_OIF, &index, sizeof index);
    put_verdict(script, NF_ACCEPT, NULL);
    end_rule(script, rule);
}

static void allow_names(struct strbuf *script) {
    unsigned char protocol = IPPROTO_UDP, address[4];
    uint16_t port = htons(DNS_PORT);
    inet_pton(AF_INET, NET_DNS_FORWARD, address);
    struct rule rule = begin_rule(script, CHAIN_OUT);
    match_destination(script, AF_INET, address, 32);
    match_meta(script, NFT_META_L4PROTO, &protocol, sizeof protocol);
    load_payload(script, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof port);
    put_equals(script, &port, sizeof port);
    put_verdict(script, NF_ACCEPT, NULL);
    end_rule(script, rule);
}

/* Without these the kernel finds no neighbours; sessions, which have no raw sockets, cannot send them. */
static void allow_neighbours(struct strbuf *script) {
    static const unsigned char types[] = {ND_ROUTER_SOLICIT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT};
    unsigned char protocol = IPPROTO_ICMPV6;
    for (size_t i = 0; i < sizeof types; i++) {
        struct rule rule = begin_rule(script, CHAIN_OUT);
        match_family(script, AF_INET6);
        match_meta(script, NFT_META_L4PROTO, &protocol, sizeof protocol);
        load_payload(script, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
        put_equals(script, &types[i], 1);
        put_verdict(script, NF_ACCEPT, NULL);
        end_rule(script, rule);
    }
}

static void refuse(struct strbuf *script, const char *chain, int family, const unsigned char *prefix,
                   unsigned bits) {
    struct rule rule = begin_rule(script, chain);
    match_destination(script, family, prefix, bits);
    put_verdict(script, NFT_GOTO, CHAIN_REFUSE);
    end_rule(script, rule);
}

static void refuse_ranges(struct strbuf *script) {
    static const struct {
        int family;
        const char *prefix;
        unsigned bits;
    } ranges[] = {
        {AF_INET, "169.254.0.0", 16},     /* link-local (RFC 3927): metadata services of clouds */
        {AF_INET, "224.0.0.0", 4},        /* multicast: the host hears it as well */
        {AF_INET, "255.255.255.255", 32}, /* broadcast */
        {AF_INET6, "fe80::", 10},         /* link-local */
        {AF_INET6, "ff00::", 8},          /* multicast */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        unsigned char prefix[16];
        inet_pton(ranges[i].family, ranges[i].prefix, prefix);
        refuse(script, CHAIN_OUT, ranges[i].family, prefix, ranges[i].bits);
    }
}

static void refuse_host(struct strbuf *script, const struct host_addresses *host) {
    for (size_t i = 0; i < host->count; i++)
        refuse(script, CHAIN_HOST, host->items[i].family, host->items[i].bytes,
               host->items[i].family == AF_INET ? 32 : 128);
}

void net_script_make(struct strbuf *script, const struct host_addresses *host) {
    put_frame(script, NFNL_MSG_BATCH_BEGIN);
    put_table(script);
    put_chain(script, CHAIN_REFUSE, false);
    put_chain(script, CHAIN_HOST, false);
    put_chain(script, CHAIN_OUT, true);
    make_refusal(script);
    allow_loopback(script);
    allow_names(script);
    allow_neighbours(script);
    refuse_ranges(script);
    struct rule jump = begin_rule(script, CHAIN_OUT);
    put_verdict(script, NFT_JUMP, CHAIN_HOST);
    end_rule(script, jump);
    refuse_host(script, host);
    put_frame(script, NFNL_MSG_BATCH_END);
}

void net_script_replace(struct strbuf *script, const struct host_addresses *host) {
    put_frame(script, NFNL_MSG_BATCH_BEGIN);
    size_t message = begin_change(script, NFT_MSG_DELRULE, 0); /* without a handle: all of the chain */
    put_text(script, NFTA_RULE_TABLE, TABLE);
    put_text(script, NFTA_RULE_CHAIN, CHAIN_HOST);
    end_message(script, message);
    refuse_host(script, host);
    put_frame(script, NFNL_MSG_BATCH_END);
}
