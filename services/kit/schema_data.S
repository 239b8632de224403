/* The definition of everything, as protoc wrote it (build/guanxi.desc), inside each binary. */
	.section .rodata
	.global schema_descriptor_set
	.global schema_descriptor_set_end
	.balign 16
schema_descriptor_set:
	.incbin "build/guanxi.desc"
schema_descriptor_set_end:
	.byte 0
	.section .note.GNU-stack,"",@progbits
