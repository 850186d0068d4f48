LC_ALL=${WORDS_LOCALE:-C} sort -c dist/words.txt
