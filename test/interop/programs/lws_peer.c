/* libwebsockets as a client or a server, in the line protocol of lines.ts: lws_peer client|server
 *
 * 1. All of the library runs on the main thread. Another one reads lines, hands them over and wakes
 *    it with lws_cancel_service().
 * 2. lws writes only when it asks to: frames wait in a list for the WRITEABLE callbacks, one for each.
 * 3. What lws_write() was given must stay until the next callback: permessage-deflate reads on in it.
 */

#include <libwebsockets.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE (-1)

struct frame {
  struct frame *next;
  int kind; /* of lws_write(), or CLOSE */
  int code;
  size_t length;
  unsigned char bytes[];
};

struct line {
  struct line *next;
  char *text;
};

static struct lws_context *context;
static struct lws *current;
static struct frame *frames, **last_frame = &frames, *sent;
static struct line *lines, **last_line = &lines;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ended;

static unsigned char *message;
static size_t message_length;
static int close_code = 1005;
static char close_reason[128];
static size_t close_reason_length;
static int offered;

static void say_bytes(const char *kind, const void *bytes, size_t length) {
  size_t size = 4 * (length / 3 + 2);
  char *text = malloc(size);
  lws_b64_encode_string(length ? bytes : "", (int)length, text, (int)size);
  printf("%s %s\n", kind, text);
  fflush(stdout);
  free(text);
}

static void push_frame(int kind, int code, const char *base64) {
  size_t size = strlen(base64) + 4;
  struct frame *frame = malloc(sizeof *frame + LWS_PRE + size);
  int length = *base64 ? lws_b64_decode_string(base64, (char *)frame->bytes + LWS_PRE, (int)size) : 0;
  frame->next = NULL;
  frame->kind = kind;
  frame->code = code;
  frame->length = (size_t)length;
  *last_frame = frame;
  last_frame = &frame->next;
}

static void forget_frames(void) {
  while (frames) {
    struct frame *next = frames->next;
    free(frames);
    frames = next;
  }
  last_frame = &frames;
}

static void dial(char *url, char *protocols) {
  struct lws_client_connect_info info = {0};
  char path[64];
  int port;
  if (!url || sscanf(url, "ws://127.0.0.1:%d%63s", &port, path) != 2) exit(2);
  offered = protocols && *protocols;
  info.context = context;
  info.address = info.host = "127.0.0.1";
  info.port = port;
  info.path = path;
  info.protocol = offered ? protocols : NULL;
  info.local_protocol_name = "chat.v2";
  lws_client_connect_via_info(&info);
}

/* strsep() keeps empty words: the base64 of nothing. */
static void obey(char *text) {
  char *kind = strsep(&text, " ");
  char *word = strsep(&text, " ");
  if (!strcmp(kind, "connect")) {
    dial(word, text);
    return;
  }
  if (!current) return;
  if (!strcmp(kind, "text")) push_frame(LWS_WRITE_TEXT, 0, word);
  if (!strcmp(kind, "binary")) push_frame(LWS_WRITE_BINARY, 0, word);
  if (!strcmp(kind, "ping")) push_frame(LWS_WRITE_PING, 0, word);
  if (!strcmp(kind, "close")) push_frame(CLOSE, word ? atoi(word) : 1000, text ? text : "");
  if (!strcmp(kind, "fragments")) {
    int type = LWS_WRITE_TEXT;
    for (; word; word = strsep(&text, " ")) {
      /* Compressed, an empty frame inside a message would go out as the start of another. */
      if (!*word && text) continue;
      push_frame(text ? type | LWS_WRITE_NO_FIN : type, 0, word);
      type = LWS_WRITE_CONTINUATION;
    }
  }
  if (frames) lws_callback_on_writable(current);
}

static void obey_all(void) {
  pthread_mutex_lock(&lock);
  struct line *list = lines;
  lines = NULL;
  last_line = &lines;
  pthread_mutex_unlock(&lock);
  while (list) {
    struct line *next = list->next;
    obey(list->text);
    free(list->text);
    free(list);
    list = next;
  }
}

static void *read_lines(void *unused) {
  char *text = NULL;
  size_t size = 0;
  ssize_t length;
  while ((length = getline(&text, &size, stdin)) > 0) {
    struct line *line = malloc(sizeof *line);
    text[length - 1] = 0;
    line->next = NULL;
    line->text = text;
    text = NULL;
    size = 0;
    pthread_mutex_lock(&lock);
    *last_line = line;
    last_line = &line->next;
    pthread_mutex_unlock(&lock);
    lws_cancel_service(context);
  }
  ended = 1;
  lws_cancel_service(context);
  return unused;
}

static void remember_close(int code, const void *reason, size_t length) {
  close_code = code;
  close_reason_length = length < sizeof close_reason ? length : sizeof close_reason;
  memcpy(close_reason, reason, close_reason_length);
}

static void opened(struct lws *wsi, const char *protocol) {
  current = wsi;
  message_length = 0;
  forget_frames();
  remember_close(1005, "", 0);
  printf("open %s\n", protocol);
  fflush(stdout);
}

static void received(struct lws *wsi, const void *bytes, size_t length) {
  message = realloc(message, message_length + length + 1);
  memcpy(message + message_length, bytes, length);
  message_length += length;
  if (lws_remaining_packet_payload(wsi) || !lws_is_final_fragment(wsi)) return;
  say_bytes(lws_frame_is_binary(wsi) ? "binary" : "text", message, message_length);
  message_length = 0;
}

static int write_frame(struct lws *wsi) {
  struct frame *frame = frames;
  int failed;
  if (!frame) return 0;
  if (frame->kind == CLOSE) {
    /* lws says nothing of the answer to a close of its own, so what it sent is what is reported. */
    remember_close(frame->code, frame->bytes + LWS_PRE, frame->length);
    lws_close_reason(wsi, frame->code, frame->bytes + LWS_PRE, frame->length);
    return -1;
  }
  failed = lws_write(wsi, frame->bytes + LWS_PRE, frame->length, frame->kind) < (int)frame->length;
  frames = frame->next;
  if (!frames) last_frame = &frames;
  free(sent);
  sent = frame;
  if (frames) lws_callback_on_writable(wsi);
  return failed ? -1 : 0;
}

static void closed(struct lws *wsi) {
  char kind[16];
  if (wsi != current) return;
  current = NULL;
  forget_frames();
  snprintf(kind, sizeof kind, "closed %d", close_code);
  say_bytes(kind, close_reason, close_reason_length);
}

static int refuse(struct lws *wsi) {
  char path[64];
  if (lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) < 0) return -1;
  if (strcmp(path, "/refuse")) return 0;
  lws_return_http_status(wsi, 403, "Not here");
  return 1;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  const unsigned char *bytes = in;
  switch (reason) {
  case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
    obey_all();
    break;
  case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
    return refuse(wsi);
  case LWS_CALLBACK_ESTABLISHED:
    opened(wsi, "");
    break;
  case LWS_CALLBACK_CLIENT_ESTABLISHED:
    opened(wsi, offered ? lws_get_protocol(wsi)->name : "");
    break;
  case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    printf("refused %u\n", lws_http_client_http_response(wsi));
    fflush(stdout);
    break;
  case LWS_CALLBACK_RECEIVE:
  case LWS_CALLBACK_CLIENT_RECEIVE:
    received(wsi, in, len);
    break;
  case LWS_CALLBACK_RECEIVE_PONG:
  case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
    say_bytes("pong", in, len);
    break;
  case LWS_CALLBACK_SERVER_WRITEABLE:
  case LWS_CALLBACK_CLIENT_WRITEABLE:
    return write_frame(wsi);
  case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    if (len >= 2) remember_close(bytes[0] << 8 | bytes[1], bytes + 2, len - 2);
    break;
  case LWS_CALLBACK_CLOSED:
  case LWS_CALLBACK_CLIENT_CLOSED:
    closed(wsi);
    break;
  default:
    break;
  }
  return 0;
}

static const struct lws_protocols protocols[] = {
  {"chat.v2", callback, 0, 65536, 0, NULL, 0},
  {NULL, NULL, 0, 0, 0, NULL, 0},
};

static const struct lws_extension extensions[] = {
  {"permessage-deflate", lws_extension_callback_pm_deflate,
   "permessage-deflate; client_no_context_takeover; client_max_window_bits"},
  {NULL, NULL, NULL},
};

int main(int argc, char **argv) {
  struct lws_context_creation_info info = {0};
  struct lws_vhost *vhost;
  pthread_t thread;
  int server = argc > 1 && !strcmp(argv[1], "server");

  lws_set_log_level(LLL_ERR, NULL);
  info.port = server ? 0 : CONTEXT_PORT_NO_LISTEN;
  info.iface = server ? "127.0.0.1" : NULL;
  info.protocols = protocols;
  info.extensions = extensions;
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  context = lws_create_context(&info);
  vhost = context ? lws_create_vhost(context, &info) : NULL;
  if (!vhost) return 1;
  if (server) printf("ready %d\n", lws_get_vhost_listen_port(vhost));
  else printf("ready\n");
  fflush(stdout);

  pthread_create(&thread, NULL, read_lines, NULL);
  while (!ended && lws_service(context, 0) >= 0) continue;
  lws_context_destroy(context);
  return 0;
}
