package hostonly;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * The server of the tutorial module "Introduction to Networking in Docker": it listens on port 8080
 * of all addresses and answers every connection with one line, {@code Hello NAME! (n)}, in UTF-8.
 *
 * <p>NAME is the first argument, or {@code world} when that is absent or blank; a control character
 * in it becomes a space, so that the answer stays one line. The count n starts at 1 and belongs to
 * the accepted connection: one that dies before it has read its line has used up its number all the
 * same, so no number is ever given twice or skipped.
 *
 * <p>One thread serves everybody through one {@link Selector}. The numbers are given out in the
 * order of acceptance, and nobody waits for anybody: not for a client that sends nothing, not for
 * one that never reads. After the line the server sends its end of stream and then reads on for a
 * while ({@link #DRAIN}), because closing a socket that holds unread data resets the connection,
 * and a reset can take the line away from a client that spoke first.
 *
 * <p>SIGTERM (also as process 1 of a container) ends it in well under a second, with exit code 0.
 * Exit 1: the port cannot be had; exit 2: {@code HELLO_PORT} is not a port number.
 */
public final class HelloSocket implements AutoCloseable {
    /** The tutorial's port. {@code HELLO_PORT} in the environment names another; 0 means any. */
    static final int DEFAULT_PORT = 8080;

    /** Connections that the kernel may hold ready for us: a burst of a thousand must fit. */
    private static final int BACKLOG = 4096;

    /** How long a client may take to read its line and to close its side. */
    static final long DRAIN = TimeUnit.SECONDS.toNanos(2);

    /** The same, once we have been asked to stop. */
    private static final long DRAIN_AT_STOP = TimeUnit.MILLISECONDS.toNanos(200);

    /** Connections held open at once; beyond it the oldest one is closed. */
    private static final int MOST_OPEN = 4096;

    /** Connections accepted before those already open are looked at again. */
    private static final int BATCH = 256;

    private final String name;
    private final long drain;
    private final ServerSocketChannel listener;
    private final Selector selector;
    private final Set<Visitor> open = new LinkedHashSet<>(); // oldest first
    private final ByteBuffer discarded = ByteBuffer.allocate(64 * 1024);
    private long count;
    private volatile boolean stopping;

    /** One accepted connection, and what of its line is still to be written. */
    private static final class Visitor {
        private final SocketChannel channel;
        private final ByteBuffer line;
        private final long accepted = System.nanoTime();

        private Visitor(SocketChannel channel, String line) {
            this.channel = channel;
            this.line = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
        }
    }

    /**
     * Listens at once; answers when {@link #serve()} is called.
     *
     * @param port 0 to 65535, where 0 takes any free port
     * @param name the name as given, see {@link #nameOf(String)}
     * @throws IOException the port is taken, or not for us
     */
    HelloSocket(int port, String name) throws IOException {
        this(port, name, DRAIN);
    }

    /** The same with another {@link #DRAIN}, in nanoseconds. */
    HelloSocket(int port, String name, long drain) throws IOException {
        this.name = nameOf(name);
        this.drain = drain;
        this.selector = Selector.open();
        this.listener = ServerSocketChannel.open();
        try {
            listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            listener.bind(new InetSocketAddress(port), BACKLOG); // the wildcard of IPv6 and IPv4
            listener.configureBlocking(false);
            listener.register(selector, SelectionKey.OP_ACCEPT);
        } catch (IOException e) {
            close();
            throw e;
        }
    }

    /** The port that is listened on. */
    int port() {
        return listener.socket().getLocalPort();
    }

    /** The name to greet: {@code given} in one line, or {@code world} when it is null or blank. */
    static String nameOf(String given) {
        if (given == null) {
            return "world";
        }
        StringBuilder line = new StringBuilder(given.length());
        boolean blank = true;
        for (char c : given.toCharArray()) {
            line.append(Character.isISOControl(c) ? ' ' : c);
            blank &= Character.isISOControl(c) || Character.isWhitespace(c) || Character.isSpaceChar(c);
        }
        return blank ? "world" : line.toString();
    }

    /**
     * Answers connections until {@link #stop()}; then answers those that already wait, gives the
     * open ones {@link #DRAIN_AT_STOP} to finish, and returns.
     *
     * @throws IOException the selector itself failed; a failing connection only ends itself
     */
    void serve() throws IOException {
        while (!stopping) {
            round();
        }
        long end = System.nanoTime() + DRAIN_AT_STOP;
        while (acceptWaiting() && System.nanoTime() < end) {
            // one batch more
        }
        listener.close();
        while (!open.isEmpty() && System.nanoTime() < end) {
            selector.select(10);
            attendReady();
        }
        close();
    }

    /** Asks {@link #serve()} to return; from any thread. */
    void stop() {
        stopping = true;
        selector.wakeup();
    }

    /** Gives the port and every connection back; to be called when {@link #serve()} is not running. */
    @Override
    public void close() throws IOException {
        listener.close();
        for (Visitor visitor : new ArrayList<>(open)) {
            leave(visitor);
        }
        selector.close();
    }

    private void round() throws IOException {
        selector.select(open.isEmpty() ? 0 : 100);
        attendReady();
        long now = System.nanoTime();
        Iterator<Visitor> oldest = open.iterator();
        List<Visitor> late = new ArrayList<>();
        while (oldest.hasNext()) {
            Visitor visitor = oldest.next();
            if (now - visitor.accepted < drain && open.size() - late.size() <= MOST_OPEN) {
                break;
            }
            late.add(visitor);
        }
        for (Visitor visitor : late) {
            leave(visitor);
        }
    }

    private void attendReady() {
        Iterator<SelectionKey> ready = selector.selectedKeys().iterator();
        while (ready.hasNext()) {
            SelectionKey key = ready.next();
            ready.remove();
            if (key.attachment() instanceof Visitor) {
                attend(key, (Visitor) key.attachment());
            } else {
                acceptWaiting();
            }
        }
    }

    /** Greets those who wait, at most {@link #BATCH}; whether there may be more. */
    private boolean acceptWaiting() {
        for (int i = 0; i < BATCH; i++) {
            SocketChannel channel;
            try {
                channel = listener.accept();
            } catch (IOException e) { // most likely no file descriptor is left: make one free
                if (!open.isEmpty()) {
                    leave(open.iterator().next());
                    return true;
                }
                return false;
            }
            if (channel == null) {
                return false;
            }
            count++;
            Visitor visitor = new Visitor(channel, "Hello " + name + "! (" + count + ")\n");
            open.add(visitor);
            try {
                channel.configureBlocking(false);
                SelectionKey key = channel.register(selector, SelectionKey.OP_WRITE, visitor);
                attend(key, visitor); // the line nearly always fits into the kernel's buffer now
            } catch (IOException e) {
                leave(visitor);
            }
        }
        return true;
    }

    /** Writes what is left of the line; after it, reads and discards until the client closes. */
    private void attend(SelectionKey key, Visitor visitor) {
        try {
            if (visitor.line.hasRemaining()) {
                visitor.channel.write(visitor.line);
                if (!visitor.line.hasRemaining()) {
                    visitor.channel.shutdownOutput();
                    key.interestOps(SelectionKey.OP_READ);
                }
                return;
            }
            discarded.clear();
            if (visitor.channel.read(discarded) < 0) {
                leave(visitor);
            }
        } catch (IOException e) { // the client is gone; its number stays used
            leave(visitor);
        }
    }

    private void leave(Visitor visitor) {
        open.remove(visitor);
        try {
            visitor.channel.close();
        } catch (IOException e) {
            // nothing is left that could be closed
        }
    }

    /**
     * The first argument as the bytes that were typed, read as UTF-8. The JVM decodes arguments by
     * the locale, and a container that has none turns every letter beyond ASCII into a question
     * mark; the kernel still knows the bytes.
     */
    private static String firstArgument(String[] args) {
        if (args.length == 0) {
            return null;
        }
        try {
            String cmdline = Files.readString(Path.of("/proc/self/cmdline"), StandardCharsets.ISO_8859_1);
            String[] words = cmdline.split("\0", -1); // a last, empty one follows the last terminator
            String word = words[words.length - 1 - args.length];
            return new String(word.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
        } catch (IOException | RuntimeException e) { // no /proc, or not ours to read
            return args[0];
        }
    }

    /** A variable of the environment, read as UTF-8 like the argument above; null where it is unset. */
    private static String variable(String name) {
        try {
            String environ = Files.readString(Path.of("/proc/self/environ"), StandardCharsets.ISO_8859_1);
            for (String entry : environ.split("\0")) {
                if (entry.startsWith(name + "=")) {
                    byte[] value = entry.substring(name.length() + 1).getBytes(StandardCharsets.ISO_8859_1);
                    return new String(value, StandardCharsets.UTF_8);
                }
            }
        } catch (IOException | RuntimeException e) {
            // no /proc, or not ours to read
        }
        return System.getenv(name);
    }

    private static void fail(int exit, String why) {
        byte[] line = ("hello-socket: " + why + "\n").getBytes(StandardCharsets.UTF_8);
        System.err.write(line, 0, line.length);
        System.err.flush();
        Runtime.getRuntime().halt(exit);
    }

    /** Serves until SIGTERM; arguments after the first one are ignored. */
    public static void main(String[] args) {
        String asked = variable("HELLO_PORT");
        int port = DEFAULT_PORT;
        if (asked != null && !asked.isEmpty()) {
            port = asked.matches("[0-9]{1,5}") ? Integer.parseInt(asked) : -1;
            if (port < 0 || port > 65535) {
                fail(2, "HELLO_PORT is '" + asked + "', not a port number from 0 to 65535");
            }
        }
        HelloSocket server = null;
        try {
            server = new HelloSocket(port, firstArgument(args));
        } catch (IOException e) {
            fail(1, "cannot listen on port " + port + ": " + e.getMessage());
            return;
        }
        final HelloSocket serving = server;
        final Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread() {
            @Override
            public void run() {
                serving.stop();
                try {
                    main.join(TimeUnit.NANOSECONDS.toMillis(DRAIN_AT_STOP) * 3);
                } catch (InterruptedException e) {
                    // no more time to be polite
                }
                Runtime.getRuntime().halt(0); // a signal would otherwise exit with 143
            }
        });
        System.out.println("hello-socket: listening on port " + server.port());
        System.out.flush();
        try {
            server.serve();
        } catch (IOException e) {
            fail(1, "stopped serving: " + e.getMessage());
        }
    }
}
