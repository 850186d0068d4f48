# Sorts the words.
set -e
mkdir -p dist
LC_ALL=${WORDS_LOCALE:-C} sort src/words.txt > dist/words.txt
echo "$(wc -l < dist/words.txt) words"
