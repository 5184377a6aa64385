package android.app

class Notification
