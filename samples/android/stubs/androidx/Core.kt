package androidx.core.app

import android.app.Notification
import android.content.Context

class NotificationChannelCompat private constructor() {
    class Builder(id: String, importance: Int) {
        fun setName(name: CharSequence?): Builder = error("a phone")
        fun build(): NotificationChannelCompat = error("a phone")
    }
}

object NotificationCompat {
    class Builder(context: Context, channelId: String) {
        fun setContentTitle(title: CharSequence?): Builder = error("a phone")
        fun setContentText(text: CharSequence?): Builder = error("a phone")
        fun setSmallIcon(icon: Int): Builder = error("a phone")
        fun setOngoing(ongoing: Boolean): Builder = error("a phone")
        fun setOnlyAlertOnce(once: Boolean): Builder = error("a phone")
        fun setProgress(max: Int, progress: Int, indeterminate: Boolean): Builder = error("a phone")
        fun build(): Notification = error("a phone")
    }
}

class NotificationManagerCompat private constructor() {
    fun areNotificationsEnabled(): Boolean = error("a phone")
    fun createNotificationChannel(channel: NotificationChannelCompat): Unit = error("a phone")
    fun notify(id: Int, notification: Notification): Unit = error("a phone")
    fun cancel(id: Int): Unit = error("a phone")

    companion object {
        const val IMPORTANCE_LOW = 2
        fun from(context: Context): NotificationManagerCompat = error("a phone")
    }
}
