<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/**
 * Goridge's frames (github.com/roadrunner-server/goridge, pkg/frame/frame.md) over the two streams between RoadRunner
 * and a worker. A frame is a header of 12 bytes (version and length in words, flags, length of the payload, CRC-32 of
 * these, two bytes for streams), options of 4 bytes each, and the payload; all numbers are little-endian. Frames of
 * requests and answers have one option: the length of the context, which precedes the body.
 *
 * @internal
 */
final class Wire
{
    /** Flags: the kind of the frame. */
    public const CONTROL = 0x01;
    public const ERROR = 0x40;
    public const PROTOBUF = 0x80;

    /** The byte for streams: more frames of this answer follow; RoadRunner stops the stream. */
    public const MORE = 0x01;
    public const ENOUGH = 0x02;

    private const VERSION = 1;
    private const HEADER = 12;

    private readonly int $pid;

    /**
     * @param resource $in
     * @param resource $out
     */
    public function __construct(private $in, private $out)
    {
        $this->pid = (int) getmypid();
    }

    /**
     * Opens the relay of `RR_RELAY`: `pipes` (standard input and output), `tcp://host:port` or `unix://path`.
     *
     * @throws WireException RoadRunner does not listen there
     */
    public static function open(string $relay): self
    {
        if (in_array($relay, ['', 'pipes'], true)) {
            return new self(\STDIN, \STDOUT);
        }
        $socket = @stream_socket_client($relay, $code, $message, 10);
        if ($socket === false) {
            throw new WireException("RR_RELAY is '{$relay}', and RoadRunner can't be reached there: {$message}");
        }
        stream_set_timeout($socket, \PHP_INT_MAX >> 32);

        return new self($socket, $socket);
    }

    /**
     * Waits for a frame.
     *
     * @return array{int, int, string, string}|null flags, the byte for streams, context and body; null: RoadRunner has
     *     closed the relay
     *
     * @throws WireException other code has written to the relay, or read from it; this is a forked child
     */
    public function receive(): ?array
    {
        $this->isOurs();
        $head = $this->read(self::HEADER);
        if ($head === null) {
            return null;
        }
        /** @var array{words: int, flags: int, length: int, crc: int, stream: int} $header */
        $header = unpack('Cwords/Cflags/Vlength/Vcrc/Cstream', $head);
        if ($header['words'] >> 4 !== self::VERSION || $header['crc'] !== crc32(substr($head, 0, 6))) {
            throw new WireException('RoadRunner\'s wire is out of step: something else has read from it. Leave standard input alone, also in programs that the application starts');
        }
        $options = (string) $this->read((($header['words'] & 0x0f) - 3) * 4);
        $payload = (string) $this->read($header['length']);
        if (strlen($payload) < $header['length']) {
            return null;
        }
        $context = strlen($options) >= 4 ? (int) (unpack('V', $options)[1] ?? 0) : 0;

        return [$header['flags'], $header['stream'], substr($payload, 0, $context), substr($payload, $context)];
    }

    /**
     * Sends a frame.
     *
     * @throws WireException RoadRunner has closed the relay; this is a forked child
     */
    public function send(int $flags, string $context, string $body = '', int $stream = 0): void
    {
        $this->isOurs();
        // RoadRunner wants no option in a control frame, and one in an answer.
        $options = $flags === self::CONTROL ? '' : pack('V', strlen($context));
        $head = pack('CCV', self::VERSION << 4 | intdiv(self::HEADER + strlen($options), 4), $flags, strlen($context) + strlen($body));
        $this->write($head . pack('VCx', crc32($head), $stream) . $options . $context);
        $body === '' || $this->write($body);
    }

    /** Whether RoadRunner has sent bytes that have not been read yet. */
    public function hasInput(): bool
    {
        $read = [$this->in];
        $none = null;

        return @stream_select($read, $none, $none, 0) === 1;
    }

    /** A child that answered on its parent's relay would send each client the answer to another client's request. */
    private function isOurs(): void
    {
        if (getmypid() !== $this->pid) {
            throw new WireException("RoadRunner's wire: found a process that the worker {$this->pid} has forked; expected that worker itself: end a child with exit()");
        }
    }

    private function read(int $length): ?string
    {
        $bytes = '';
        while (($left = $length - strlen($bytes)) > 0) {
            $more = stream_get_contents($this->in, $left);
            if ($more === false || ($more === '' && feof($this->in))) {
                return null;
            }
            $bytes .= $more;
        }

        return $bytes;
    }

    private function write(string $bytes): void
    {
        while ($bytes !== '') {
            $written = @fwrite($this->out, $bytes);
            if ($written === false || $written === 0) {
                throw new WireException('RoadRunner has closed the wire');
            }
            $bytes = substr($bytes, $written);
        }
    }
}
