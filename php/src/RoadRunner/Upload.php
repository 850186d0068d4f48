<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/**
 * An uploaded file. RoadRunner has written it to the disk, and deletes it when the request has been answered: a file
 * that is to stay has to be moved.
 */
final readonly class Upload
{
    /**
     * @param string $name the client's name of it; never a path to write to
     * @param string $type the client's media type: not to be trusted
     * @param int $error one of PHP's `UPLOAD_ERR_…`; `UPLOAD_ERR_OK` if there is a file
     * @param string $path its path; empty if it has an error
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
     * Moves the file.
     *
     * @throws \RuntimeException the upload has an error, or the file can't be moved
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
