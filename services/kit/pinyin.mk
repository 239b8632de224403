# The tables of services/kit/pinyin.c, made from Debian's unicode-data (package unicode-data; bzip2 comes with dpkg-dev).
UNIHAN ?= /usr/share/unicode

build/kit/pinyin_data.h: services/kit/pinyin_data.awk services/kit/pinyin_data.txt
	@mkdir -p $(@D)
	bzcat $(UNIHAN)/Unihan_Readings.txt.bz2 $(UNIHAN)/Unihan_Variants.txt.bz2 | \
		LC_ALL=C awk -v names=services/kit/pinyin_data.txt -f services/kit/pinyin_data.awk > $@.part
	@mv $@.part $@
$(BUILD)/services/kit/pinyin.o: build/kit/pinyin_data.h
