// What BridgeUpload.kt and UploadWorker.kt need in the build of an app. HTTP and JSON are parts of Android.
dependencies {
    implementation("androidx.core:core-ktx:1.13.1")
    implementation("androidx.work:work-runtime-ktx:2.11.1")
    implementation("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.9.0")
}
