<?php

/**
 * A shop that never empties its basket, and a mailer that keeps its sent mails: `php -d pillion.worker_leak_check=on
 * leak.php` serves ten requests and prints in each of them the leaks that Pillion has found in the previous ones.
 */

declare(strict_types=1);

namespace Shop;

use Pillion\Worker;

final class Basket
{
    /** @var list<string> */
    public static array $items = [];
}

final class Mailer
{
    /** @var list<string> */
    private array $sent = [];

    public function send(string $to): void
    {
        $this->sent[] = "Dear $to, thank you for your order.";
    }
}

final class Application
{
    public function __construct(private readonly Mailer $mailer = new Mailer())
    {
    }

    public function order(string $what, string $who): void
    {
        Basket::$items[] = $what;
        $this->mailer->send($who);
    }
}

$application = new Application();
foreach (['Ann', 'Bob', 'Cay', 'Dan', 'Eve', 'Fay', 'Gus', 'Hal', 'Ida', 'Joe'] as $number => $name) {
    Worker\request_begin();
    $application->order('a lamp', $name);

    echo 'Request ', $number + 1, ":\n";
    foreach (Worker\leaks() as $leak) {
        $place = null === $leak['file'] ? '' : '  (' . basename($leak['file']) . ":{$leak['line']})";
        echo "  {$leak['message']}$place\n";
    }
    Worker\request_end();
}
