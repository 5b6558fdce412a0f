// curl_transport_end.c -- which end a CURLcode means.
//
// libcurl's codes say what it was doing, ours what the caller may conclude:
// was the request sent, did an answer begin, had the connection been used
// before? So the code is only half of it.

#include <stdio.h>
#include <string.h>

#include "net/curl_transport.h"

// The connection died while it was sent or before all had come.
static enum http_end died(const struct curl_transfer *t)
{
  if (t->header_bytes > 0 || t->answer.body.len > 0) return HTTP_CUT;
  return t->answer.reused ? HTTP_STALE : HTTP_RESET;
}

// libcurl has no code of its own for these.
static bool says(const struct curl_transfer *t, const char *words)
{
  return strstr(t->words, words);
}

static enum http_end before_sending(CURLcode code)
{
  switch ((int)code) {
  case CURLE_COULDNT_RESOLVE_HOST: return HTTP_NO_NAME;
  case CURLE_COULDNT_CONNECT: return HTTP_REFUSED;
  case CURLE_OPERATION_TIMEDOUT: return HTTP_CONNECT_TIMEOUT;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
  case CURLE_SSL_PINNEDPUBKEYNOTMATCH: return HTTP_TLS_UNTRUSTED;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CRL_BADFILE:
  case CURLE_SSL_ENGINE_INITFAILED:
  case CURLE_USE_SSL_FAILED:
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR: return HTTP_TLS_FAILED; // reset in the handshake
  default: return HTTP_FAILED;
  }
}

static enum http_end after_sending(const struct curl_transfer *t, CURLcode code)
{
  switch ((int)code) {
  case CURLE_OPERATION_TIMEDOUT: return HTTP_TIMEOUT;
  case CURLE_PARTIAL_FILE: return HTTP_CUT;
  case CURLE_WEIRD_SERVER_REPLY:
  case CURLE_UNSUPPORTED_PROTOCOL: // HTTP/0.9
  case CURLE_BAD_CONTENT_ENCODING: return HTTP_GARBAGE;
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
    if (says(t, "REFUSED_STREAM")) return HTTP_STREAM_REFUSED;
    return t->header_bytes > 0 ? HTTP_CUT : HTTP_RESET;
  case CURLE_RECV_ERROR:
    if (says(t, "chunk")) return HTTP_GARBAGE;
    return died(t);
  case CURLE_SEND_ERROR:
  case CURLE_SEND_FAIL_REWIND:
  case CURLE_GOT_NOTHING: return died(t);
  default: return HTTP_FAILED;
  }
}

static enum http_end judge(const struct curl_transfer *t, CURLcode code)
{
  // A connection that closes in the middle of the header is no error to it.
  if (code == CURLE_OK) return t->head_done ? HTTP_ANSWERED : HTTP_CUT;
  if (t->sends > 0) return after_sending(t, code);
  return t->blocked ? HTTP_BLOCKED : before_sending(code);
}

static int version_number(long version)
{
  switch (version) {
  case CURL_HTTP_VERSION_1_0: return 10;
  case CURL_HTTP_VERSION_1_1: return 11;
  case CURL_HTTP_VERSION_2_0: return 20;
  case CURL_HTTP_VERSION_3: return 30;
  default: return 0;
  }
}

static uint64_t time_ns(CURL *easy, CURLINFO info)
{
  curl_off_t us = 0;
  curl_easy_getinfo(easy, info, &us);
  return us > 0 ? (uint64_t)us * 1000 : 0;
}

static void read_info(struct curl_transfer *t)
{
  long status = 0, version = 0, connects = 0;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
  curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
  struct http_answer *a = &t->answer;
  a->status = (int)status;
  a->http_version = version_number(version);
  struct http_client_stats *stats = &t->owner->stats;
  stats->connections_new += (uint64_t)connects;
  stats->connections_reused += a->reused;
  if (connects == 0) return;
  a->connect_ns = time_ns(t->easy, CURLINFO_APPCONNECT_TIME_T);
  if (!a->connect_ns) a->connect_ns = time_ns(t->easy, CURLINFO_CONNECT_TIME_T);
}

void curl_transfer_judge(struct curl_transfer *t, CURLcode code)
{
  struct http_answer *a = &t->answer;
  if (t->easy) read_info(t);
  a->sent = t->sends > 0;
  if (!t->why) a->end = judge(t, code);
  if (a->end == HTTP_ANSWERED) return;
  const char *words = t->words[0] ? t->words : curl_easy_strerror(code);
  if (a->end == HTTP_BLOCKED) words = "the address is not public";
  if (t->why) words = t->why;
  snprintf(a->detail, sizeof(a->detail), "%.159s", words);
}
