<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/**
 * RoadRunner's HTTP worker without RoadRunner's PHP packages. `Pillion\Worker\loop()` runs it; a loop of one's own is
 *
 *     $worker = new HttpWorker();
 *     while ($request = $worker->waitRequest()) {
 *         try {
 *             $worker->respond($handler($request));
 *         } catch (WireException $gone) {
 *             throw $gone;
 *         } catch (\Throwable $thrown) {
 *             $worker->fail($thrown);
 *         }
 *     }
 *
 * and Pillion detects the start and the end of each request by the calls of {@see waitRequest()}.
 */
final class HttpWorker
{
    private readonly Wire $wire;
    private bool $isOver = false;
    private bool $isStreaming = false;

    /**
     * @param resource|null $in the stream that RoadRunner writes to; with $out, else both are opened by `RR_RELAY`
     * @param resource|null $out the stream that RoadRunner reads from
     */
    public function __construct(mixed $in = null, mixed $out = null)
    {
        $this->wire = is_resource($in) && is_resource($out) ? new Wire($in, $out) : Wire::open((string) getenv('RR_RELAY'));
    }

    /**
     * Waits for the next request. Returns null if RoadRunner stops the worker, or is gone.
     *
     * @throws WireException RoadRunner's frames are invalid
     */
    public function waitRequest(): ?Request
    {
        while (!$this->isOver && ($frame = $this->wire->receive()) !== null) {
            [$flags, $stream, $context, $body] = $frame;
            if (($flags & Wire::CONTROL) !== 0) {
                $this->obey($body);
            } elseif ($stream === 0) {
                return Request::fromMessage($context, $body);
            }
            // Else RoadRunner has stopped a stream that had ended meanwhile.
        }

        return null;
    }

    /**
     * Answers the request.
     *
     * @param mixed $answer anything that {@see Response::from()} accepts
     *
     * @throws \InvalidArgumentException the answer is invalid; nothing has been sent
     * @throws WireException RoadRunner is gone
     */
    public function respond(mixed $answer): void
    {
        $response = Response::from($answer);
        $head = Message::number(1, $response->status) . Message::lists(2, $response->headers);
        if (is_string($response->body) || $response->isWithoutBody()) {
            $this->wire->send(Wire::PROTOBUF, $head, $response->isWithoutBody() || !is_string($response->body) ? '' : $response->body);

            return;
        }
        $this->isStreaming = false;
        try {
            $this->stream($head, $response->chunks());
        } catch (WireException $gone) {
            throw $gone;
        } catch (\Throwable $thrown) {
            if (!$this->isStreaming) {
                throw $thrown;
            }
            // The status has been sent: the answer can only be ended, and the error be logged.
            $this->wire->send(Wire::PROTOBUF, '');
            error_log("A response broke off: {$thrown}");
        }
    }

    /**
     * Answers the request with status 500; RoadRunner writes the exception into its log, and in debug mode to the
     * client.
     *
     * @throws WireException RoadRunner is gone
     */
    public function fail(\Throwable $thrown): void
    {
        $this->wire->send(Wire::ERROR, '', (string) $thrown);
    }

    /**
     * Returns the request: RoadRunner sends it to another worker, and stops this one, which waits for that. A worker
     * that ends earlier may close the relay before RoadRunner has read the return.
     *
     * @throws WireException RoadRunner is gone
     */
    public function stop(): void
    {
        do {
            $this->wire->send(Wire::PROTOBUF, '{"stop":true}');
        } while ($this->waitRequest() !== null);
    }

    /** @param iterable<string> $chunks */
    private function stream(string $head, iterable $chunks): void
    {
        foreach ($chunks as $chunk) {
            if ($this->isStreaming && $this->isUnwanted()) {
                break;
            }
            if ($chunk !== '' || !$this->isStreaming) {
                $this->wire->send(Wire::PROTOBUF, $this->isStreaming ? '' : $head, $chunk, Wire::MORE);
                $this->isStreaming = true;
            }
        }
        $this->wire->send(Wire::PROTOBUF, $this->isStreaming ? '' : $head);
    }

    /** Whether the client has disconnected during a stream. */
    private function isUnwanted(): bool
    {
        while ($this->wire->hasInput()) {
            $frame = $this->wire->receive() ?? throw new WireException('RoadRunner has closed the wire');
            if (($frame[0] & Wire::CONTROL) !== 0) {
                $this->obey($frame[3]);
            } elseif (($frame[1] & Wire::ENOUGH) !== 0) {
                return true;
            }
        }

        return false;
    }

    /** Handles a control frame, which is about the worker itself. */
    private function obey(string $word): void
    {
        $word = json_decode($word, true);
        if (!is_array($word)) {
            throw new WireException('RoadRunner has sent a control frame that is no JSON');
        }
        if (($word['stop'] ?? false) === true) {
            $this->isOver = true;
        } elseif (isset($word['pid'])) {
            $this->wire->send(Wire::CONTROL, '', json_encode(['pid' => getmypid()], \JSON_THROW_ON_ERROR));
        }
    }
}
