package android.content

import android.database.Cursor
import android.net.Uri
import java.io.File
import java.io.InputStream

abstract class Context {
    abstract val applicationContext: Context
    abstract val contentResolver: ContentResolver
    abstract val noBackupFilesDir: File
}

abstract class ContentResolver {
    abstract fun query(
        uri: Uri, projection: Array<String>?, selection: String?, selectionArgs: Array<String>?, sortOrder: String?,
    ): Cursor?
    abstract fun getType(uri: Uri): String?
    abstract fun openInputStream(uri: Uri): InputStream?
}
