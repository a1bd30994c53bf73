package hostonly;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.BindException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class HelloSocketTest {
    private HelloSocket server;
    private Thread serving;

    private void start(String name) throws IOException {
        start(name, HelloSocket.DRAIN);
    }

    private void start(String name, long drain) throws IOException {
        server = new HelloSocket(0, name, drain);
        serving = new Thread(() -> {
            try {
                server.serve();
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
        serving.start();
    }

    @AfterEach
    void stop() throws InterruptedException {
        if (server != null) {
            server.stop();
            serving.join();
        }
    }

    private Socket connect() throws IOException {
        return connect("127.0.0.1");
    }

    private Socket connect(String address) throws IOException {
        Socket socket = new Socket(InetAddress.getByName(address), server.port());
        socket.setSoTimeout(5000);
        return socket;
    }

    /** Everything that the server sends until it ends the stream. */
    private static String read(Socket socket) throws IOException {
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private String call() throws IOException {
        try (Socket socket = connect()) {
            return read(socket);
        }
    }

    @Test
    void answersOneLineAndCountsFromOne() throws IOException {
        start("host");
        assertEquals("Hello host! (1)\n", call());
        assertEquals("Hello host! (2)\n", call());
        assertEquals("Hello host! (3)\n", call());
    }

    @Test
    void greetsTheWorldWhenTheNameIsAbsentOrBlank() {
        assertEquals("world", HelloSocket.nameOf(null));
        assertEquals("world", HelloSocket.nameOf(""));
        assertEquals("world", HelloSocket.nameOf(" \t\n\u00a0\u2003"));
        assertEquals(" a b ", HelloSocket.nameOf(" a b "));
    }

    @Test
    void keepsTheAnswerOneLine() {
        assertEquals("a b  c", HelloSocket.nameOf("a\nb\r\u0085c"));
    }

    @Test
    void writesUtf8() throws IOException {
        start("Zoë 世界 🌍");
        assertEquals("Hello Zoë 世界 🌍! (1)\n", call());
    }

    @Test
    void listensOnIpv6Too() throws IOException {
        start("six");
        Socket socket = null;
        try {
            socket = connect("::1");
        } catch (IOException e) {
            Assumptions.abort("no IPv6 loopback here: " + e.getMessage());
        }
        try (Socket connected = socket) {
            assertEquals("Hello six! (1)\n", read(connected));
        }
        assertEquals("Hello six! (2)\n", call());
    }

    @Test
    void givesEveryNumberExactlyOnceInABurst() throws Exception {
        start("many");
        int clients = 500;
        ExecutorService pool = Executors.newFixedThreadPool(32);
        try {
            List<Callable<String>> calls = new ArrayList<>();
            for (int i = 0; i < clients; i++) {
                calls.add(this::call);
            }
            TreeSet<Integer> numbers = new TreeSet<>();
            for (Future<String> answer : pool.invokeAll(calls)) {
                String line = answer.get();
                assertTrue(line.matches("Hello many! \\(\\d+\\)\n"), line);
                numbers.add(Integer.parseInt(line.replaceAll("\\D", "")));
            }
            assertEquals(clients, numbers.size());
            assertEquals(1, numbers.first());
            assertEquals(clients, numbers.last());
        } finally {
            pool.shutdownNow();
        }
    }

    @Test
    void doesNotResetAClientThatSpokeFirst() throws IOException, InterruptedException {
        start("talker");
        try (Socket socket = connect()) {
            for (int i = 0; i < 20; i++) { // before and after the server has sent its end of stream
                socket.getOutputStream().write(new byte[10_000]);
                Thread.sleep(2);
            }
            assertEquals("Hello talker! (1)\n", read(socket));
            socket.getOutputStream().write('\n'); // the server is still there to read it
        }
    }

    @Test
    void answersAClientThatHasClosedItsSide() throws IOException {
        start("half");
        try (Socket socket = connect()) {
            socket.shutdownOutput();
            assertEquals("Hello half! (1)\n", read(socket));
        }
    }

    @Test
    void doesNotWaitForSilentClientsNorForThoseThatNeverRead() throws IOException {
        // More than the kernel keeps for a client that does not read; waiting for one takes a minute.
        start("x".repeat(8_000_000), TimeUnit.SECONDS.toNanos(60));
        List<Socket> silent = new ArrayList<>();
        try {
            for (int i = 0; i < 20; i++) {
                silent.add(connect());
            }
            long begin = System.nanoTime();
            String answer = call();
            assertTrue(answer.endsWith("x! (21)\n"));
            assertEquals("Hello ".length() + 8_000_000 + "! (21)\n".length(), answer.length());
            assertTrue(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(30));
        } finally {
            for (Socket socket : silent) {
                socket.close();
            }
        }
    }

    @Test
    void countsAConnectionThatDies() throws IOException {
        start("dead");
        Socket socket = connect();
        socket.setSoLinger(true, 0); // close sends a reset
        socket.close();
        assertEquals("Hello dead! (2)\n", call());
    }

    @Test
    void closesAClientThatStaysTooLong() throws IOException, InterruptedException {
        start("stayer", TimeUnit.MILLISECONDS.toNanos(200));
        try (Socket socket = connect()) {
            assertEquals("Hello stayer! (1)\n", read(socket));
            InputStream in = socket.getInputStream();
            assertEquals(-1, in.read());
            assertThrows(IOException.class, () -> {
                while (true) { // the server has closed: this is answered by a reset
                    socket.getOutputStream().write('\n');
                    Thread.sleep(20);
                }
            });
        }
    }

    @Test
    void saysThatThePortIsTaken() throws IOException {
        start("first");
        assertThrows(BindException.class, () -> new HelloSocket(server.port(), "second").close());
        assertEquals("Hello first! (1)\n", call());
    }

    private static Process run(String port, String... args) throws IOException {
        List<String> command = new ArrayList<>(List.of(
            System.getProperty("java.home") + File.separator + "bin" + File.separator + "java",
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "target/classes", "hostonly.HelloSocket"));
        command.addAll(List.of(args));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("HELLO_PORT", port);
        return builder.start();
    }

    private static String line(InputStream stream) throws IOException {
        return new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8)).readLine();
    }

    @Test
    void asAProgramStopsPromptlyOnSigtermInTraffic() throws Exception {
        Process program = run("0", "term", "ignored");
        try {
            String said = line(program.getInputStream());
            int port = Integer.parseInt(said.replaceAll("\\D", ""));
            try (Socket silent = new Socket("127.0.0.1", port);
                    Socket other = new Socket("127.0.0.1", port)) {
                assertEquals("Hello term! (2)\n", read(other));
                long begin = System.nanoTime();
                program.destroy();
                assertTrue(program.waitFor(1, TimeUnit.SECONDS), "still there a second after SIGTERM");
                assertTrue(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(1));
                assertEquals(0, program.exitValue());
                assertEquals("Hello term! (1)\n", read(silent));
            }
        } finally {
            program.destroyForcibly();
        }
    }

    @Test
    void asAProgramSaysInOneLineWhyItCannotStart() throws Exception {
        start("holder");
        Process taken = run(String.valueOf(server.port()));
        assertTrue(taken.waitFor(10, TimeUnit.SECONDS));
        assertEquals(1, taken.exitValue());
        String why = new String(taken.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals("hello-socket: cannot listen on port " + server.port() + ": Address already in use\n", why);

        Process wrong = run("eighty");
        assertTrue(wrong.waitFor(10, TimeUnit.SECONDS));
        assertEquals(2, wrong.exitValue());
    }
}
