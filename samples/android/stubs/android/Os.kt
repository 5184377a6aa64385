package android.os

object Build {
    object VERSION {
        val SDK_INT: Int get() = error("a phone")
    }
}
