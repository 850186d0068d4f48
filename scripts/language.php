<?php

/*
 * Measures the language of comments and documentation (CONTRIBUTING.md, "Vocabulary"): words that stand for a person
 * where a process, a thread or a value is meant, and lines and test names that are too long. Prints the figures, and
 * each place with `-v`; fails if a limit is exceeded. Usage: language.php [-v] FILE…, or the file names on standard
 * input, separated by NUL.
 */

declare(strict_types=1);

const PERSONS = '/\b(?:who|whose|whom|whoever|somebody|nobody|told)\b/i';
const VAGUE = '/\b(?:what|whatever)\b/i';
/** Per 1,000 words. */
const MAX_PERSONS = 0.3;
const MAX_VAGUE = 1.5;
/** Characters. */
const MAX_LINE = 120;
const MAX_TEST_NAME = 60;

/** @return array<int, string> prose by line number */
function prose(string $file, string $text): array
{
    $lines = explode("\n", $text);
    if (str_ends_with($file, '.md')) {
        $isCode = false;
        return array_filter($lines, static function (string $line) use (&$isCode): bool {
            $isFence = str_starts_with(ltrim($line), '```');
            $isFence && $isCode = !$isCode;

            return !$isFence && !$isCode;
        });
    }
    $pattern = str_ends_with($file, '.rs') ? '~(?:^|\s)//[/!]?(.*)$~' : '~^\s*(?:/?\*+|//|#(?!!|\[))(.*)$~';

    return array_filter(array_map(
        static fn (string $line): string => preg_match($pattern, $line, $found) ? $found[1] : '',
        $lines,
    ));
}

function exceeds_line(string $line): bool
{
    // Tables, links and commands can't be broken.
    return strlen(preg_replace('/./su', ' ', $line) ?? $line) > MAX_LINE && !preg_match('~^\s*(?://[/!]? ?|\* )?\|~', $line) && !str_contains($line, '://')
        && !preg_match('/^ {4}/', $line) && !str_starts_with($line, '<!--') && str_contains(substr($line, 0, MAX_LINE), ' ');
}

$arguments = array_slice($argv, 1);
$isVerbose = '-v' === ($arguments[0] ?? '') && null !== array_shift($arguments);
$files = $arguments ?: array_filter(explode("\0", stream_get_contents(STDIN)));
$words = $persons = $vague = $long = 0;
$say = static fn (string $file, int $line, string $text) => $isVerbose && print($file . ':' . ($line + 1) . ': ' . trim($text) . "\n");
foreach ($files as $file) {
    $text = file_get_contents($file);
    foreach (prose($file, $text) as $number => $line) {
        // Code in a sentence is no prose.
        $line = preg_replace('/`[^`]*`/', '', $line);
        $words += preg_match_all("/[A-Za-z']+/", $line);
        $found = preg_match_all(PERSONS, $line);
        $persons += $found;
        $vague += $more = preg_match_all(VAGUE, $line);
        $found + $more > 0 && $say($file, $number, $line);
    }
    $prose = prose($file, $text);
    foreach (explode("\n", $text) as $number => $line) {
        $isProse = str_ends_with($file, '.md') || preg_match('~^\s*(?://|\*|#)~', $line);
        if ($isProse && isset($prose[$number]) && exceeds_line($line)) {
            ++$long;
            $say($file, $number, $line);
        }
    }
    preg_match_all('/#\[(?:tokio::)?test(?:\([^)]*\))?\](?:\s*#\[[^\]]*\])*\s*(?:async )?fn (\w+)/', $text, $tests, PREG_OFFSET_CAPTURE);
    foreach ($tests[1] as [$name, $offset]) {
        if (strlen($name) > MAX_TEST_NAME) {
            ++$long;
            $say($file, substr_count($text, "\n", 0, $offset), "test name of " . strlen($name) . ' characters: ' . $name);
        }
    }
}
$per = static fn (int $count): float => round(1000 * $count / max($words, 1), 2);
printf("%d words; per 1,000: %.2f persons (at most %.1f), %.2f what (at most %.1f); %d long lines or test names\n", $words, $per($persons), MAX_PERSONS, $per($vague), MAX_VAGUE, $long);
exit($per($persons) > MAX_PERSONS || $per($vague) > MAX_VAGUE || $long > 0 ? 1 : 0);
