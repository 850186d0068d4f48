<?php

/*
 * Pillion\Artifact. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * A built binary with its metadata. Found or built; `new`, `clone` and `serialize()` throw. `json_encode()`, `foreach`
 * and comparison include all properties, which are created when the first one is read.
 *
 * The metadata is that of the index when it was found; {@see open()} and {@see verify()} check the file itself.
 */
final readonly class Artifact
{
    /** The key it is stored under: 16 lower-case hexadecimal digits. */
    public string $key;

    /** Path of the binary on this host: absolute, executable. */
    public string $path;

    /** SHA-256 of the binary: 64 lower-case hexadecimal digits. */
    public string $sha256;

    /**
     * `HIT`: it was cached; `MISS`: it was built, or put, for this call.
     *
     * @var 'HIT'|'MISS'
     */
    public string $cacheStatus;

    /** Size of the binary in bytes. */
    public int $size;

    /** When it was stored: Unix time in seconds, with milliseconds. */
    public float $createdAt;

    /** When it expires: Unix time in seconds; `INF` if never. */
    public float $expiresAt;

    /** When it was last found before this lookup: Unix time in seconds, exact to a few seconds. */
    public float $accessedAt;

    /** Duration of the build in seconds; 0.0 if unknown. */
    public float $buildSeconds;

    /**
     * The configuration it was built from: the complete request with its `request_id`; of a put one, its `config`.
     * Empty if its file is gone. Read from the disk when it is accessed.
     *
     * @var array<string, mixed>
     */
    public array $config;

    private function __construct()
    {
    }

    /**
     * A file name for downloads: `roadrunner-linux-amd64`, `roadrunner-windows-amd64.exe`; `roadrunner`
     * if {@see $config} names no platform.
     */
    public function filename(): string
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * The binary as a stream for reading, at its beginning. Once open, it can be read to its end, even if the artifact
     * is removed meanwhile.
     *
     * @return resource of the type `stream`
     *
     * @throws StateException code 800: the file is gone, or has a different size
     */
    public function open()
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Reads the whole binary and compares its SHA-256.
     *
     * @return bool false: the file is gone, or differs
     */
    public function verify(): bool
    {
        throw new \Error('the extension pillion is not loaded');
    }
}
