<?php

/*
 * Pillion\Artifact. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * A built binary with what is known of it. Found or built; `new`, `clone` and `serialize()` throw. `json_encode()`,
 * `foreach` and comparison see all properties, which are made when the first one is read.
 *
 * What it says is what the index knew when it was found: whether the file still stands, {@see open()} and
 * {@see verify()} find out.
 */
final readonly class Artifact
{
    /** The key it is kept under: 16 lower-case hexadecimal digits. */
    public string $key;

    /** Where the binary lies on this machine: absolute, executable. */
    public string $path;

    /** SHA-256 of the binary: 64 lower-case hexadecimal digits. */
    public string $sha256;

    /**
     * `HIT`: it was there when it was asked for; `MISS`: it was built, or put, for whoever asked.
     *
     * @var 'HIT'|'MISS'
     */
    public string $cacheStatus;

    /** Bytes of the binary. */
    public int $size;

    /** When it was kept: Unix time in seconds, with milliseconds. */
    public float $createdAt;

    /** When its time is up: Unix time in seconds; `INF` where it never is. */
    public float $expiresAt;

    /** When it was last found, at the time it was found now: Unix time in seconds, exact to some seconds. */
    public float $accessedAt;

    /** How long the build took, in seconds; 0.0 where nobody knows. */
    public float $buildSeconds;

    /**
     * What it was built from: the request, complete, with its `request_id`; of a put one, what `config` said. Empty where
     * that is gone. Read from the disk when it is asked for.
     *
     * @var array<string, mixed>
     */
    public array $config;

    private function __construct()
    {
    }

    /**
     * What to call it for whoever downloads it: `roadrunner-linux-amd64`, `roadrunner-windows-amd64.exe`; `roadrunner`
     * where {@see $config} names no platform.
     */
    public function filename(): string
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * The binary as a stream for reading, at its beginning. Once open, it can be read to its end, also when the artifact
     * is thrown away meanwhile.
     *
     * @return resource of the type `stream`
     *
     * @throws StateException code 800: it is gone, or has not the size it should have
     */
    public function open()
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Reads the whole binary and compares its SHA-256.
     *
     * @return bool false: it is gone, or not what was kept
     */
    public function verify(): bool
    {
        throw new \Error('the extension pillion is not loaded');
    }
}
