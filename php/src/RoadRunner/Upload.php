<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/**
 * A file that came with a request. RoadRunner has written it to the disk, and deletes it when the request is answered:
 * what is to stay has to be moved.
 */
final readonly class Upload
{
    /**
     * @param string $name as the client calls it; never a path to write to
     * @param string $type as the client calls it: not to be trusted
     * @param int $error one of PHP's `UPLOAD_ERR_…`; `UPLOAD_ERR_OK`: there is a file
     * @param string $path where it lies; empty where it has an error
     */
    public function __construct(
        public string $name,
        public string $type,
        public int $size,
        public int $error,
        public string $path,
    ) {
    }

    /**
     * Moves the file to where it is to stay.
     *
     * @throws \RuntimeException it has an error, or can't be moved there
     */
    public function moveTo(string $target): void
    {
        if ($this->error !== \UPLOAD_ERR_OK) {
            throw new \RuntimeException("The upload '{$this->name}' has failed with error {$this->error}: there is no file to move");
        }
        if (!@rename($this->path, $target)) {
            $reason = error_get_last()['message'] ?? 'unknown reason';
            throw new \RuntimeException("The upload '{$this->name}' can't be moved to '{$target}': {$reason}");
        }
    }
}
