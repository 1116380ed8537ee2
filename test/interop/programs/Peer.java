// The JDK's java.net.http.WebSocket, in the line protocol of lines.ts: java Peer.java

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;

public class Peer implements WebSocket.Listener {
  private static final HttpClient client = HttpClient.newHttpClient();
  private static WebSocket current;

  private final StringBuilder text = new StringBuilder();
  private final ByteArrayOutputStream binary = new ByteArrayOutputStream();

  public static void main(String[] arguments) throws Exception {
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    say("ready");
    for (String line; (line = input.readLine()) != null;) {
      // -1 keeps empty words: the base64 of nothing.
      var words = line.split(" ", -1);
      try {
        if (words[0].equals("connect")) connect(words[1], words[2]);
        else if (current != null && !current.isOutputClosed()) obey(words);
      } catch (CompletionException error) {
        if (!(error.getCause() instanceof java.io.IOException)) throw error;
      }
    }
    // Its threads would live on.
    System.exit(0);
  }

  private static void connect(String url, String protocols) {
    current = null;
    var builder = client.newWebSocketBuilder();
    var names = protocols.split(",");
    if (!protocols.isEmpty()) {
      builder.subprotocols(names[0], Arrays.copyOfRange(names, 1, names.length));
    }
    try {
      current = builder.buildAsync(URI.create(url), new Peer()).join();
    } catch (CompletionException error) {
      if (!(error.getCause() instanceof WebSocketHandshakeException refusal)) throw error;
      say("refused " + refusal.getResponse().statusCode());
    }
  }

  private static void obey(String[] words) {
    switch (words[0]) {
      case "text" -> current.sendText(string(words[1]), true).join();
      case "binary" -> current.sendBinary(ByteBuffer.wrap(decode(words[1])), true).join();
      case "ping" -> current.sendPing(ByteBuffer.wrap(decode(words[1]))).join();
      case "close" -> {
        if (words.length == 1) current.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
        else current.sendClose(Integer.parseInt(words[1]), string(words[2])).join();
      }
      case "fragments" -> {
        for (int i = 1; i < words.length; i++) {
          current.sendText(string(words[i]), i == words.length - 1).join();
        }
      }
      default -> throw new IllegalArgumentException(words[0]);
    }
  }

  @Override
  public void onOpen(WebSocket socket) {
    say("open " + socket.getSubprotocol());
    socket.request(1);
  }

  @Override
  public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
    text.append(data);
    if (last) {
      say("text " + encode(text.toString().getBytes(StandardCharsets.UTF_8)));
      text.setLength(0);
    }
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
    var bytes = new byte[data.remaining()];
    data.get(bytes);
    binary.writeBytes(bytes);
    if (last) {
      say("binary " + encode(binary.toByteArray()));
      binary.reset();
    }
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onPong(WebSocket socket, ByteBuffer data) {
    var bytes = new byte[data.remaining()];
    data.get(bytes);
    say("pong " + encode(bytes));
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
    say("closed " + code + " " + encode(reason.getBytes(StandardCharsets.UTF_8)));
    return null;
  }

  @Override
  public void onError(WebSocket socket, Throwable error) {
    say("closed 1006 " + encode(error.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private static synchronized void say(String line) {
    System.out.print(line + "\n");
    System.out.flush();
  }

  private static String encode(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static byte[] decode(String word) {
    return Base64.getDecoder().decode(word);
  }

  private static String string(String word) {
    return new String(decode(word), StandardCharsets.UTF_8);
  }
}
