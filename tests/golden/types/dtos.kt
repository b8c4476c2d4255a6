/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//Package: 
//AddServiceStackTypes: True
//AddResponseStatus: False
//AddDescriptionAsComments: True
//AddImplicitVersion: 
//IncludeTypes: 
//ExcludeTypes: 
//TreatTypesAsStrings: 
//DefaultImports: java.math.*,java.util.*,java.io.InputStream,net.servicestack.client.*,com.google.gson.annotations.*,com.google.gson.reflect.*
*/

import java.math.*
import java.util.*
import java.io.InputStream
import net.servicestack.client.*
import com.google.gson.annotations.*
import com.google.gson.reflect.*

/**
* What every generation has.
*/
interface IGeneration
{
    var refId:String?
    var tag:String?
}

/**
* How.
*/
enum class Mode(val value:String)
{
    @SerializedName("mp3") MP3("mp3"),
    @SerializedName("json_object") JsonObject("json_object");

    override fun toString() = value
}

enum class Task(val value:Int)
{
    @SerializedName("1") TextToImage(1),
    @SerializedName("8") SpeechToText(8);

    override fun toString() = value.toString()
}

open class KeyValuePair<TKey, TValue>
{
    open var key:TKey? = null

    open var value:TValue? = null
}

/**
* A thing of every kind. In two lines.
*/
open class Thing
{
    /**
    * The number that it is known by.
    */
    open var id:Long? = null

    open var parentId:Long? = null

    open var from:String? = null

    /**
    * At most so many; "about" will do. * /
    */
    @SerializedName("max_tokens")
    open var maxTokens:Int? = null

    @SerializedName("logprobs")
    open var logProbs:Boolean? = null

    open var share:Double? = null

    open var denoise:Float? = null

    open var cost:BigDecimal? = null

    open var enabled:Boolean? = null

    open var createdDate:Date? = null

    open var offlineDate:Date? = null

    open var duration:TimeSpan? = null

    open var bytes:ByteArray? = null

    open var anything:Any? = null

    open var tags:ArrayList<String> = ArrayList<String>()

    open var names:ArrayList<String>? = null

    open var apiModels:HashMap<String,String> = HashMap<String,String>()

    open var counts:HashMap<Int,Long>? = null

    open var paths:HashMap<Task,ArrayList<String>>? = null

    open var mode:Mode? = null

    open var task:Task? = null

    open var pairs:ArrayList<KeyValuePair<String,Int>>? = null

    open var other:Thing? = null

    open var error:ResponseStatus? = null
}

enum class Plain
{
    TopLeft,
    Center;
}

open class Special : Thing()
{
    open var place:Plain? = null
}

open class QueryBase
{
    open var skip:Int? = null

    open var take:Int? = null

    open var orderBy:String? = null

    open var orderByDesc:String? = null

    open var include:String? = null

    open var fields:String? = null

    open var meta:HashMap<String,String>? = null
}

open class QueryDb<T> : QueryBase()
{
}

open class MakeThingResponse
{
    open var results:ArrayList<Thing>? = null

    open var responseStatus:ResponseStatus? = null
}

open class QueryResponse<T>
{
    open var offset:Int? = null

    open var total:Int? = null

    open var results:ArrayList<T>? = null

    open var responseStatus:ResponseStatus? = null
}

/**
* Makes a thing.
*/
@Route(Path="/v1/things", Verbs="POST")
// @Route(Path="/things/{Id}")
open class MakeThing : IReturn<MakeThingResponse>, IGeneration, IPost
{
    open var image:InputStream? = null

    /**
    * What to make.
    */
    open var prompt:String? = null

    open var mode:Mode? = null

    override var refId:String? = null

    override var tag:String? = null

    companion object { private val responseType = MakeThingResponse::class.java }
    override fun getResponseType(): Any? = MakeThing.responseType
}

open class MakeSpecial : Special(), IReturn<MakeThingResponse>
{
    open var provider:String? = null

    companion object { private val responseType = MakeThingResponse::class.java }
    override fun getResponseType(): Any? = MakeSpecial.responseType
}

open class QueryThings : QueryDb<Thing>(), IReturn<QueryResponse<Thing>>, IGet
{
    open var id:Long? = null

    companion object { private val responseType = object : TypeToken<QueryResponse<Thing>>(){}.type }
    override fun getResponseType(): Any? = QueryThings.responseType
}

open class CreateThing : IReturn<MakeThingResponse>, ICreateDb<Thing>
{
    open var name:String? = null

    companion object { private val responseType = MakeThingResponse::class.java }
    override fun getResponseType(): Any? = CreateThing.responseType
}

/**
* Deletes it.
*/
open class DeleteThing : IReturnVoid, IDeleteDb<Thing>, IDelete
{
    open var id:Int? = null
}

open class GetThingFile : IReturn<ByteArray>, IGet
{
    companion object { private val responseType = ByteArray::class.java }
    override fun getResponseType(): Any? = GetThingFile.responseType
}

open class GetThingText : IReturn<String>, IGet
{
    companion object { private val responseType = String::class.java }
    override fun getResponseType(): Any? = GetThingText.responseType
}

open class GetThingNames : IReturn<ArrayList<String>>, IGet
{
    companion object { private val responseType = object : TypeToken<ArrayList<String>>(){}.type }
    override fun getResponseType(): Any? = GetThingNames.responseType
}
