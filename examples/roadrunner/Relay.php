<?php

declare(strict_types=1);

/**
 * RoadRunner's wire protocol over the worker's standard input and output, restricted to answering requests.
 *
 * A frame is a header of 12 bytes (version and length in words, flags, payload length, CRC-32 of these, two bytes for
 * streams), its options of 4 bytes each, and the payload. A request has one option, the length of the context that
 * precedes the body. The context is a protobuf message of RoadRunner's `http.v1`.
 */
final class Relay
{
    private const CONTROL = 0x01;
    private const JSON = 0x08;
    private const PROTOBUF = 0x80;

    /**
     * @param resource $in
     * @param resource $out
     */
    public function __construct(private $in = STDIN, private $out = STDOUT)
    {
    }

    /** Waits for a request. False: RoadRunner stops the worker. */
    public function receive(): bool
    {
        while (($header = $this->read(12)) !== null) {
            $header = unpack('Cwords/Cflags/Vlength', $header);
            $this->read((($header['words'] & 0x0F) - 3) * 4);
            $payload = $this->read($header['length']);
            if (($header['flags'] & self::CONTROL) === 0) {
                return true;
            }
            $order = json_decode((string) $payload, true, flags: JSON_THROW_ON_ERROR);
            if ($order['stop'] ?? false) {
                return false;
            }
            $this->write(self::CONTROL | self::JSON, json_encode(['pid' => getmypid()], JSON_THROW_ON_ERROR));
        }

        return false;
    }

    /** @param array<string, string> $headers */
    public function respond(int $status, array $headers, string $body): void
    {
        $context = "\x08" . self::varint($status);
        foreach ($headers as $name => $value) {
            $values = self::field(1, $value);
            $context .= self::field(2, self::field(1, $name) . self::field(2, $values));
        }
        $this->write(self::PROTOBUF, $context . $body, strlen($context));
    }

    private function read(int $length): ?string
    {
        for ($data = ''; strlen($data) < $length; $data .= $part) {
            $part = fread($this->in, $length - strlen($data));
            if ($part === false || $part === '') {
                return null;
            }
        }

        return $data;
    }

    private function write(int $flags, string $payload, int ...$options): void
    {
        $header = pack('CCV', 1 << 4 | 3 + count($options), $flags, strlen($payload));
        fwrite($this->out, $header . pack('VxxV*', crc32($header), ...$options) . $payload);
    }

    /** A text or a message within a protobuf message. */
    private static function field(int $number, string $bytes): string
    {
        return chr($number << 3 | 2) . self::varint(strlen($bytes)) . $bytes;
    }

    private static function varint(int $number): string
    {
        for ($bytes = ''; $number > 0x7F; $number >>= 7) {
            $bytes .= chr($number & 0x7F | 0x80);
        }

        return $bytes . chr($number);
    }
}
