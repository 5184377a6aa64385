package android

object R {
    object drawable {
        const val stat_sys_upload = 0x01080088
    }
}
